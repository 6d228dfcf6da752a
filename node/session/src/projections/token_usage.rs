//! Who spent what: tokens by model and by turn, as the providers reported them.

use super::Projection;
use crate::content::Usage;
use crate::event::{Event, Recorded};
use crate::ids::TurnNumber;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tokens and calls of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    pub total: Usage,
    /// Model calls that were answered.
    pub replies: u64,
    /// Model calls that failed; what they cost is not known here.
    pub failures: u64,
    /// By the model's route name.
    pub by_model: BTreeMap<String, ModelUsage>,
    pub by_turn: BTreeMap<TurnNumber, TurnUsage>,
    /// Model names of calls without outcome.
    open_calls: BTreeMap<String, String>,
}

/// What one model was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUsage {
    pub usage: Usage,
    pub replies: u64,
    pub failures: u64,
}

/// What one turn used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnUsage {
    pub usage: Usage,
    pub model_calls: u64,
    pub tool_calls: u64,
}

impl Projection for TokenUsage {
    fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::ModelCallIntended {
                turn,
                call_id,
                model,
                ..
            } => {
                self.open_calls.insert(call_id.clone(), model.clone());
                self.by_turn.entry(*turn).or_default().model_calls += 1;
            }
            Event::ModelReplied {
                turn,
                call_id,
                usage,
                ..
            } => {
                let by_model = self.model_of(call_id);
                by_model.usage = by_model.usage.plus(*usage);
                by_model.replies += 1;
                let by_turn = self.by_turn.entry(*turn).or_default();
                by_turn.usage = by_turn.usage.plus(*usage);
                self.total = self.total.plus(*usage);
                self.replies += 1;
            }
            Event::ModelCallFailed { call_id, .. } => {
                self.model_of(call_id).failures += 1;
                self.failures += 1;
            }
            Event::ToolCallIntended { turn, .. } => {
                self.by_turn.entry(*turn).or_default().tool_calls += 1;
            }
            Event::TurnFinished { .. } => self.open_calls.clear(),
            _ => {}
        }
    }
}

impl TokenUsage {
    fn model_of(&mut self, call_id: &str) -> &mut ModelUsage {
        let model = self.open_calls.remove(call_id).unwrap_or_default();
        self.by_model.entry(model).or_default()
    }
}
