//! The facts of a session. An event is past tense, never changed, and carries all that a replay needs.

use crate::content::{ContentBlock, StopReason, Usage};
use crate::ids::{Seq, SessionId, TurnNumber};
use crate::task::Task;
use serde::{Deserialize, Serialize};

/// Bytes that are either here or in the blob store under their BLAKE3 hash.
///
/// The journal moves contents above 8 KiB out before the event is proposed, and back in on read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The text itself.
    Inline(String),
    /// Lower-case hex BLAKE3 of the plain bytes, and their length.
    Blob { hash: String, size_bytes: u64 },
}

/// One file operation of a tool, as the executor recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAccess {
    /// "read", "list", "search", "write", "create", "delete", "execute".
    pub operation: String,
    /// Relative to the project root, or the command line of an execute.
    pub path: String,
    /// "allowed" or "denied".
    pub decision: String,
    /// Why it was denied, or the rule that allowed it.
    pub reason: String,
    pub size_bytes: u64,
}

/// One file before and after a tool changed it. `None` means it did not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    pub path: String,
    pub before: Option<Content>,
    pub after: Option<Content>,
}

/// How far an edit was verified, rung by rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// In order: "parse", "format", "compile", "tests".
    pub steps: Vec<VerdictStep>,
}

impl Verdict {
    /// True when no step failed; skipped steps are not failures, but they are visible.
    pub fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.status != "failed")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictStep {
    pub name: String,
    /// "passed", "failed" or "skipped".
    pub status: String,
    /// The diagnostics, or why it was skipped.
    pub detail: String,
    pub duration_ms: u64,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum TurnEnd {
    Completed,
    /// `code` is one of the client contract's error codes.
    Failed {
        code: String,
        message: String,
        hint: String,
    },
    Cancelled {
        reason: String,
    },
    /// A named limit: "model_calls", "tool_calls", "tokens", "time".
    LimitReached {
        limit: String,
    },
}

/// Everything that can have happened to a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    SessionCreated {
        title: String,
        project: String,
        owner: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forked_from: Option<ForkPoint>,
    },
    SessionRetitled {
        title: String,
    },
    SessionArchived,
    TurnStarted {
        turn: TurnNumber,
        request_id: String,
        task: Task,
        model: String,
        workspace_id: String,
    },
    /// Written before the provider is called.
    ModelCallIntended {
        turn: TurnNumber,
        call_id: String,
        model: String,
        prompt_tokens: u64,
        /// BLAKE3 of the assembled prompt, lower-case hex.
        prompt_digest: String,
    },
    ModelReplied {
        turn: TurnNumber,
        call_id: String,
        provider: String,
        content: Vec<ContentBlock>,
        stop: StopReason,
        usage: Usage,
    },
    ModelCallFailed {
        turn: TurnNumber,
        call_id: String,
        code: String,
        message: String,
        retryable: bool,
    },
    /// Written before the executor is asked. A call without outcome is asked again under the same id.
    ToolCallIntended {
        turn: TurnNumber,
        call_id: String,
        name: String,
        arguments: String,
    },
    ApprovalDecided {
        turn: TurnNumber,
        call_id: String,
        granted: bool,
        by: String,
        reason: String,
    },
    ToolCallFinished {
        turn: TurnNumber,
        call_id: String,
        /// "ok", "failed" or "denied".
        status: String,
        output: Content,
        accesses: Vec<FileAccess>,
        changes: Vec<FileChange>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Verdict>,
    },
    TurnFinished {
        turn: TurnNumber,
        end: TurnEnd,
    },
}

/// Where a session was forked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkPoint {
    pub session: SessionId,
    pub seq: Seq,
}

/// An event with its place, time and author.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub seq: Seq,
    /// Milliseconds since 1970, chosen by the node that proposed the event.
    pub at_unix_ms: i64,
    /// The user or part that caused it: "user:ana", "node".
    pub actor: String,
    #[serde(flatten)]
    pub event: Event,
}
