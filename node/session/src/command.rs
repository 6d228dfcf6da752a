//! What is asked of a session, by whom, and why it may be refused.
//!
//! A command is a wish in the imperative; [`crate::decide`] turns it into events or a [`Rejection`].

use crate::content::{ContentBlock, StopReason, Usage};
use crate::event::{Content, FileAccess, FileChange, ForkPoint, TurnEnd, Verdict};
use crate::task::Task;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Everything a session can be asked to do or to remember.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the session; only on an empty one.
    CreateSession {
        title: String,
        project: String,
        owner: String,
        forked_from: Option<ForkPoint>,
    },
    Retitle {
        title: String,
    },
    /// Closes the session for good; not while a turn runs.
    Archive,
    /// Begins a turn. A repeat of `request_id` with the same task gives no events.
    StartTurn {
        request_id: String,
        task: Task,
        model: String,
        workspace_id: String,
    },
    /// Remembers that the provider is about to be called; one call at a time.
    IntendModelCall {
        call_id: String,
        model: String,
        prompt_tokens: u64,
        prompt_digest: String,
    },
    RecordModelReply {
        call_id: String,
        provider: String,
        content: Vec<ContentBlock>,
        stop: StopReason,
        usage: Usage,
    },
    RecordModelFailure {
        call_id: String,
        code: String,
        message: String,
        retryable: bool,
    },
    /// Remembers calls that the executor is about to be asked for; all of them or none.
    IntendToolCalls {
        calls: Vec<ToolCallIntent>,
    },
    /// Grants or refuses an open call; only a person may grant.
    DecideApproval {
        call_id: String,
        granted: bool,
        reason: String,
    },
    /// Remembers how a call ended. The same outcome again gives no events. An outcome that arrives
    /// after its turn ended is still recorded: the files did change.
    FinishToolCall {
        call_id: String,
        outcome: ToolCallOutcome,
    },
    /// Ends the running turn. `Completed` needs every call to have its outcome.
    FinishTurn {
        end: TurnEnd,
    },
}

/// One tool call about to be dispatched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallIntent {
    /// Unique in the session for ever: the executor's ledger answers a repeat of it.
    pub call_id: String,
    /// The id inside the model's `ToolUse` block when it differs from `call_id`
    /// (providers repeat theirs from turn to turn); `None` when it is the same or no model asked.
    pub tool_use_id: Option<String>,
    pub name: String,
    pub arguments: String,
}

/// How a tool call ended, in the session's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallOutcome {
    /// "ok", "failed" or "denied".
    pub status: String,
    pub output: Content,
    pub accesses: Vec<FileAccess>,
    pub changes: Vec<FileChange>,
    pub verdict: Option<Verdict>,
}

/// Who asks. Stored with every event as text: `user:ana` or `node`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Actor {
    /// A person, by user name.
    User(String),
    /// The node that runs the session's turn.
    Node,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(name) => write!(f, "user:{name}"),
            Actor::Node => f.write_str("node"),
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

impl TryFrom<String> for Actor {
    type Error = Rejection;

    fn try_from(text: String) -> Result<Self, Rejection> {
        text.parse()
    }
}

impl FromStr for Actor {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        match text.split_once(':') {
            None if text == "node" => Ok(Actor::Node),
            Some(("user", name)) if !name.is_empty() => Ok(Actor::User(name.to_owned())),
            _ => Err(Rejection::invalid(
                format!("{text:?} names no actor"),
                "use user:NAME or node",
            )),
        }
    }
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// One of the client contract's codes: "invalid_argument", "not_found", "conflict",
    /// "permission_denied", "limit_reached".
    pub code: &'static str,
    pub message: String,
    pub hint: String,
}

impl Rejection {
    pub(crate) fn new(
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new("invalid_argument", message, hint)
    }

    pub(crate) fn conflict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new("conflict", message, hint)
    }
}
