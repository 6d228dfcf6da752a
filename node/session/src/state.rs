//! What an agent needs to know to go on with a session, folded from its events.
//!
//! Equal events give an equal state on every node. [`State::evolve`] never fails: what the log says
//! has happened. Whether something may happen is [`crate::decide`]'s question.

mod evolve;

use crate::content::{ContentBlock, Message, Role, StopReason, Usage};
use crate::event::{Content, ForkPoint, Verdict};
use crate::ids::{Seq, TurnNumber};
use crate::task::Task;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a session stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No event yet.
    #[default]
    Absent,
    Idle,
    /// A turn runs.
    Running,
    Archived,
}

/// A session after its first `head` events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub status: Status,
    pub title: String,
    pub project: String,
    pub owner: String,
    pub forked_from: Option<ForkPoint>,
    /// Number of the last event; 0 before the first.
    pub head: Seq,
    pub created_at_unix_ms: i64,
    pub updated_at_unix_ms: i64,
    /// Turns started so far; also the number of the last one.
    pub turns: TurnNumber,
    /// The running turn.
    pub turn: Option<Turn>,
    /// The conversation as a model sees it, earlier turns included. Every `ToolUse` of an ended
    /// turn has its `ToolResult`.
    pub messages: Vec<Message>,
    /// Tokens of all turns.
    pub usage: Usage,
    /// Turns by the request that started them.
    pub turn_requests: BTreeMap<String, TurnRequest>,
    /// Finished tool calls and the digest of their outcome.
    pub finished_calls: BTreeMap<String, String>,
    /// Tool calls whose turn ended before their outcome was known. A late outcome is still taken.
    pub abandoned_calls: BTreeMap<String, AbandonedCall>,
}

/// A turn that a request started, kept to recognise the request's repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnRequest {
    pub turn: TurnNumber,
    /// BLAKE3 of the task, lower-case hex.
    pub task_digest: String,
}

/// The turn that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub number: TurnNumber,
    pub request_id: String,
    pub task: Task,
    /// The route's name; empty means the node's default.
    pub model: String,
    pub workspace_id: String,
    pub started_at_unix_ms: i64,
    /// Index in [`State::messages`] of the message this turn began with.
    pub first_message: usize,
    /// A model call without outcome: after a takeover nobody waits for it any more.
    pub open_model_call: Option<OpenModelCall>,
    /// Tool calls without outcome, in the order of their intents: ask again under the same id.
    pub open_tool_calls: Vec<OpenToolCall>,
    pub finished_tool_calls: Vec<FinishedToolCall>,
    /// Model calls intended, failed ones included.
    pub model_calls: u32,
    /// Model calls that failed since the last reply.
    pub model_failures_in_a_row: u32,
    /// Tool calls intended.
    pub tool_calls: u32,
    pub usage: Usage,
    /// Why the model stopped in its last reply of this turn.
    pub last_stop: Option<StopReason>,
}

/// A model call that was intended and has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenModelCall {
    pub call_id: String,
    pub model: String,
    pub prompt_tokens: u64,
    pub prompt_digest: String,
    pub intended_at_unix_ms: i64,
}

/// A tool call that was intended and has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenToolCall {
    pub call_id: String,
    /// The id the model sees.
    pub tool_use_id: String,
    pub name: String,
    pub arguments: String,
    pub intended_at_unix_ms: i64,
    pub approval: Option<Approval>,
}

/// A person's answer to a call that needed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub granted: bool,
    pub by: String,
    pub reason: String,
}

/// A tool call of the running turn with its outcome; file contents are left to the projections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedToolCall {
    pub call_id: String,
    pub name: String,
    pub arguments: String,
    pub status: String,
    pub output: Content,
    pub changed_paths: Vec<String>,
    pub verdict: Option<Verdict>,
}

/// A call whose outcome was not known when its turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbandonedCall {
    pub turn: TurnNumber,
    pub tool_use_id: String,
    /// Index in [`State::messages`] of the message that carries its stand-in result.
    pub message: usize,
}

impl State {
    /// Folds events from nothing.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a crate::event::Recorded>) -> Self {
        let mut state = Self::default();
        for recorded in events {
            state.evolve(recorded);
        }
        state
    }

    /// Tells the turn a request started, if it did.
    pub fn turn_of_request(&self, request_id: &str) -> Option<TurnNumber> {
        self.turn_requests.get(request_id).map(|known| known.turn)
    }

    /// The messages of the running turn, its prompt first; empty when idle.
    pub fn turn_messages(&self) -> &[Message] {
        let first = self.turn.as_ref().map(|turn| turn.first_message);
        first
            .and_then(|first| self.messages.get(first..))
            .unwrap_or_default()
    }

    /// Calls the model asked for in its last reply that were neither intended nor answered:
    /// `(tool use id, name, arguments)`. Not empty after a node died between reply and intent.
    pub fn unanswered_tool_uses(&self) -> Vec<(&str, &str, &str)> {
        let Some(turn) = &self.turn else {
            return Vec::new();
        };
        let is_open = |id: &str| turn.open_tool_calls.iter().any(|c| c.tool_use_id == id);
        dangling_tool_uses(self.turn_messages())
            .into_iter()
            .filter(|(id, _, _)| !is_open(id))
            .collect()
    }
}

/// The tool uses after the last assistant message that have no result after it.
fn dangling_tool_uses(messages: &[Message]) -> Vec<(&str, &str, &str)> {
    let Some(at) = messages.iter().rposition(|m| m.role == Role::Assistant) else {
        return Vec::new();
    };
    let answered = |wanted: &str| {
        let mut blocks = messages[at..].iter().flat_map(|m| &m.content);
        blocks.any(|b| matches!(b, ContentBlock::ToolResult { id, .. } if id == wanted))
    };
    let uses = messages[at].content.iter().filter_map(|block| match block {
        ContentBlock::ToolUse {
            id,
            name,
            arguments,
        } => Some((id.as_str(), name.as_str(), arguments.as_str())),
        _ => None,
    });
    let mut dangling: Vec<(&str, &str, &str)> = Vec::new();
    for tool_use in uses.filter(|(id, _, _)| !answered(id)) {
        // Two uses under one id have one result.
        if dangling.iter().all(|(known, _, _)| *known != tool_use.0) {
            dangling.push(tool_use);
        }
    }
    dangling
}
