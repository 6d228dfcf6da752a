//! The limits of a turn. Each is named in `TurnEnd::LimitReached` when it is met.

use serde::{Deserialize, Serialize};

/// Limits and defaults of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Most model calls of one turn ("model_calls").
    pub model_calls_max: u32,
    /// Most tool calls of one turn ("tool_calls").
    pub tool_calls_max: u32,
    /// Most tokens in and out of one turn ("tokens").
    pub turn_tokens_max: u64,
    /// Longest turn by the clock ("time").
    pub turn_ms_max: u64,
    /// Most tokens of one prompt.
    pub prompt_tokens_max: u32,
    /// Most tokens of one answer.
    pub output_tokens_max: u32,
    /// Longest single tool call.
    pub tool_call_ms_max: u64,
    /// A session without clients and work is put away after this long.
    pub idle_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model_calls_max: 50,
            tool_calls_max: 200,
            turn_tokens_max: 2_000_000,
            turn_ms_max: 60 * 60 * 1000,
            prompt_tokens_max: 120_000,
            output_tokens_max: 16_000,
            tool_call_ms_max: 10 * 60 * 1000,
            idle_ms_max: 60 * 1000,
        }
    }
}
