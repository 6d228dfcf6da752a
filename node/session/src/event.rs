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

impl Content {
    /// The text, unless it is still in the blob store.
    pub fn text(&self) -> Option<&str> {
        match self {
            Content::Inline(text) => Some(text),
            Content::Blob { .. } => None,
        }
    }

    /// Lower-case hex BLAKE3 of the plain bytes: equal for the same content inline and in a blob.
    pub fn hash(&self) -> String {
        match self {
            Content::Inline(text) => blake3::hash(text.as_bytes()).to_hex().to_string(),
            Content::Blob { hash, .. } => hash.clone(),
        }
    }

    /// The text, or one line that names the missing blob.
    pub(crate) fn shown(&self) -> String {
        match self {
            Content::Inline(text) => text.clone(),
            Content::Blob { hash, size_bytes } => {
                format!("[{size_bytes} bytes not at hand, BLAKE3 {hash}]")
            }
        }
    }
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
        /// Unique in the session; the executor's ledger answers a repeat of it.
        call_id: String,
        /// The id in the model's `ToolUse` block when it is not `call_id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool_use_id: Option<String>,
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

impl Event {
    /// Every content the event carries, in a fixed order: the places a blob can stand in for.
    pub fn contents_mut(&mut self) -> Vec<&mut Content> {
        let Event::ToolCallFinished {
            output, changes, ..
        } = self
        else {
            return Vec::new();
        };
        let changed = changes.iter_mut().flat_map(|change| {
            let FileChange { before, after, .. } = change;
            before.iter_mut().chain(after)
        });
        std::iter::once(output).chain(changed).collect()
    }
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

impl Recorded {
    /// Gives events the numbers after `after`, one time and one author, as an append does.
    pub fn sequence(after: Seq, at_unix_ms: i64, actor: &str, events: Vec<Event>) -> Vec<Self> {
        let numbered = events.into_iter().zip(1..);
        numbered
            .map(|(event, offset): (Event, Seq)| Self {
                seq: after.saturating_add(offset),
                at_unix_ms,
                actor: actor.to_owned(),
                event,
            })
            .collect()
    }
}
