//! What flows between an attached client and its session, in no wire's terms.

use aiex_session::{Recorded, Seq, Task};

/// Names one attachment while it lasts.
pub type AttachmentId = u64;

/// From the session to a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// A committed event.
    Event(Recorded),
    /// Text of the answer being written; not committed.
    Delta {
        turn: u32,
        kind: DeltaKind,
        text: String,
    },
    /// A call whose intent is committed.
    ToolCall {
        call_id: String,
        name: String,
        arguments: String,
        deadline_ms: u64,
    },
    ApprovalRequest {
        call_id: String,
        name: String,
        arguments: String,
        reason: String,
    },
    /// The replay reached the head.
    CaughtUp { seq: Seq },
    /// Deltas shown so far were lost with a node; the answer starts again.
    AnswerRestarted { turn: u32 },
    /// A request of this client was refused; the session is whole.
    Refused {
        code: String,
        message: String,
        hint: String,
        retryable: bool,
    },
}

/// What a delta is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaKind {
    Text,
    Thinking,
    /// One line about what is being done, for a progress display.
    Progress,
}

/// From a client to the session.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    Prompt(Prompt),
    ToolResult {
        call_id: String,
        /// JSON of [`aiex_tools::ToolOutcome`].
        outcome: String,
    },
    ApprovalAnswer {
        call_id: String,
        granted: bool,
        reason: String,
    },
    CancelTurn {
        reason: String,
    },
}

/// One request for a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    pub request_id: String,
    pub task: Task,
    /// Empty: the default route.
    pub model: String,
    /// Empty: the executor's snapshot.
    pub workspace_id: String,
}

/// A client that carries tools.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutorInfo {
    pub executor_id: String,
    pub tools: Vec<String>,
    pub workspace_id: String,
    pub elixir_available: bool,
    pub sandbox_tier: String,
}
