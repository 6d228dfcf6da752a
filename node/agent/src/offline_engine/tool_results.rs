//! The tool results of the running turn, in the order of their calls.

use aiex_session::{ContentBlock, Message, Role};

/// One call of this turn with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolResult {
    pub(super) tool: String,
    pub(super) output: String,
    pub(super) is_error: bool,
}

impl ToolResult {
    /// The rung of the verification ladder that failed, as the tool's answer names it.
    pub(super) fn failed_rung(&self) -> Option<&'static str> {
        const RUNGS: [&str; 4] = ["parse", "format", "compile", "tests"];
        let failed = |rung: &str| {
            self.output
                .lines()
                .filter_map(|line| line.strip_prefix(rung))
                .any(|rest| rest.starts_with(" failed"))
        };
        RUNGS.into_iter().find(|rung| failed(rung))
    }
}

/// Results since the turn's prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ToolResults(Vec<ToolResult>);

impl ToolResults {
    /// Reads the messages after the last prompt.
    pub(super) fn of_turn(messages: &[Message]) -> Self {
        let is_prompt = |message: &Message| {
            message.role == Role::User
                && message
                    .content
                    .iter()
                    .any(|block| matches!(block, ContentBlock::Text { .. }))
        };
        let start = messages.iter().rposition(is_prompt).unwrap_or(0);
        let blocks = || {
            messages[start..]
                .iter()
                .flat_map(|message| &message.content)
        };
        let mut results = Vec::new();
        for block in blocks() {
            let ContentBlock::ToolUse { id, name, .. } = block else {
                continue;
            };
            let answer = blocks().find_map(|block| match block {
                ContentBlock::ToolResult {
                    id: answered,
                    output,
                    is_error,
                } if answered == id => Some((output.clone(), *is_error)),
                _ => None,
            });
            if let Some((output, is_error)) = answer {
                results.push(ToolResult {
                    tool: name.clone(),
                    output,
                    is_error,
                });
            }
        }
        Self(results)
    }

    /// The n-th result of a tool, from 0.
    pub(super) fn nth(&self, tool: &str, n: usize) -> Option<&ToolResult> {
        self.0.iter().filter(|result| result.tool == tool).nth(n)
    }
}
