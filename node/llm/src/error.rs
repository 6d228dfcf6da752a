//! Why a model did not answer, in words safe to show to the person who asked.
//!
//! A message never holds a key, a prompt or a provider's body beyond a short, cleaned excerpt.

use std::fmt;

/// Most characters of a provider's own message that are passed on.
const EXCERPT_CHARS_MAX: usize = 300;

/// Where a call ran out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Reaching the provider.
    Connect,
    /// Waiting for the first byte of the answer.
    FirstByte,
    /// Bytes came, but no output of the model.
    FirstOutput,
    /// The answer fell silent.
    Silence,
    /// The call as a whole, retries included.
    Total,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::FirstByte => "waiting for the first byte",
            Self::FirstOutput => "waiting for the first output",
            Self::Silence => "waiting for the next byte",
            Self::Total => "answering",
        })
    }
}

/// What kind of failure it was; the gateway and the agent decide by this alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The configuration names something impossible; `key` is the path of the setting.
    Config {
        key: String,
    },
    /// No route has the asked name.
    UnknownModel,
    /// The provider refused the key (401, 403).
    Auth,
    /// The provider's account is out of money or of a long quota (402, `insufficient_quota`).
    Quota,
    /// A pause, not a failure.
    RateLimited {
        retry_after_ms: Option<u64>,
    },
    /// The provider says it is busy (503, 529).
    Overloaded {
        retry_after_ms: Option<u64>,
    },
    /// The provider failed (other 5xx).
    Server,
    /// The request is wrong and will be wrong again (400, 404, 409, 413, 422).
    BadRequest,
    /// The dialect cannot carry part of the request; another target might.
    Unsupported,
    /// The prompt does not fit the model's window.
    ContextTooLong,
    Timeout {
        stage: Stage,
    },
    /// The provider could not be reached: name, route, handshake.
    Unreachable,
    /// The answer ended before its end.
    Cut,
    /// The answer is not what the dialect allows.
    Malformed,
    /// A named limit of ours was passed.
    Limit {
        limit: &'static str,
    },
    /// Every target of the route is resting after failures.
    Unavailable {
        retry_after_ms: u64,
    },
    /// The offline engine could not answer.
    Offline,
    /// A prompt template is missing a variable or is broken.
    Template,
    /// Anything else the provider said.
    Unknown {
        status: u16,
    },
}

/// A failure with what to say about it. Its display text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What the gateway and the agent decide by.
    pub kind: ErrorKind,
    /// One sentence, safe to show.
    pub message: String,
    /// What the person can do about it; may be empty.
    pub hint: String,
    /// `provider/model` that failed; empty when no provider was asked.
    pub target: String,
    /// True when the provider may charge for the attempt although nothing whole came back.
    pub possibly_billed: bool,
}

impl Error {
    /// A failure with the hint that belongs to its kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let hint = default_hint(&kind).to_owned();
        Self {
            kind,
            message: message.into(),
            hint,
            target: String::new(),
            possibly_billed: false,
        }
    }

    /// A failure of the configuration at `key`.
    pub fn config(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config { key: key.into() }, message)
    }

    /// Replaces the hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Names the provider and model that failed, unless already named.
    #[must_use]
    pub fn at(mut self, target: &str) -> Self {
        if self.target.is_empty() {
            target.clone_into(&mut self.target);
        }
        self
    }

    /// Marks the attempt as one the provider may charge for.
    #[must_use]
    pub const fn billed(mut self) -> Self {
        self.possibly_billed = true;
        self
    }

    /// True when the same request may succeed later or at another target.
    pub const fn retryable(&self) -> bool {
        match self.kind {
            ErrorKind::RateLimited { .. }
            | ErrorKind::Overloaded { .. }
            | ErrorKind::Server
            | ErrorKind::Timeout { .. }
            | ErrorKind::Unreachable
            | ErrorKind::Cut
            | ErrorKind::Malformed
            | ErrorKind::Unavailable { .. } => true,
            ErrorKind::Unknown { status } => status >= 500 || status == 408,
            _ => false,
        }
    }

    /// How long to wait before asking again, when somebody said so.
    pub const fn retry_after_ms(&self) -> Option<u64> {
        match self.kind {
            ErrorKind::RateLimited { retry_after_ms }
            | ErrorKind::Overloaded { retry_after_ms } => retry_after_ms,
            ErrorKind::Unavailable { retry_after_ms } => Some(retry_after_ms),
            _ => None,
        }
    }

    /// A stable, lower-case name of the kind for logs, metrics and the session's events.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            ErrorKind::Config { .. } => "config",
            ErrorKind::UnknownModel => "unknown_model",
            ErrorKind::Auth => "auth",
            ErrorKind::Quota => "quota",
            ErrorKind::RateLimited { .. } => "rate_limited",
            ErrorKind::Overloaded { .. } => "overloaded",
            ErrorKind::Server => "server",
            ErrorKind::BadRequest => "bad_request",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::ContextTooLong => "context_too_long",
            ErrorKind::Timeout { .. } => "timeout",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::Cut => "cut",
            ErrorKind::Malformed => "malformed",
            ErrorKind::Limit { .. } => "limit",
            ErrorKind::Unavailable { .. } => "unavailable",
            ErrorKind::Offline => "offline",
            ErrorKind::Template => "template",
            ErrorKind::Unknown { .. } => "unknown",
        }
    }
}

const fn default_hint(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnknownModel => "list the models with: aiex list models",
        ErrorKind::Auth => "check the provider's key in the node's configuration",
        ErrorKind::Quota => "the provider's account needs credit, or route to another provider",
        ErrorKind::RateLimited { .. } => "wait, or add a second target to the route",
        ErrorKind::Overloaded { .. } | ErrorKind::Server | ErrorKind::Unavailable { .. } => {
            "try again, or add a second target to the route"
        }
        ErrorKind::ContextTooLong => {
            "ask about less code at once, or use a model with a larger window"
        }
        ErrorKind::Timeout { .. } => "raise the matching llm.timeouts setting if the model is slow",
        ErrorKind::Unreachable => {
            "check base_url and the network between the node and the provider"
        }
        ErrorKind::Unsupported => "use a target whose dialect can carry it",
        _ => "",
    }
}

/// Cleans a foreign message for display: one line, no control characters, a bounded length.
pub(crate) fn excerpt(text: &str) -> String {
    let mut out = String::new();
    for (count, ch) in text.trim().chars().enumerate() {
        if count == EXCERPT_CHARS_MAX {
            out.push('…');
            break;
        }
        out.push(if ch.is_control() { ' ' } else { ch });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_bounded_line() {
        assert_eq!(excerpt("  a\nb\u{1b}[31m "), "a b [31m");
        assert_eq!(
            excerpt(&"é".repeat(1000)).chars().count(),
            EXCERPT_CHARS_MAX + 1
        );
    }

    #[test]
    fn a_bad_request_is_never_retried_and_a_pause_is() {
        assert!(!Error::new(ErrorKind::BadRequest, "x").retryable());
        let pause = Error::new(
            ErrorKind::RateLimited {
                retry_after_ms: Some(40),
            },
            "x",
        );
        assert!(pause.retryable());
        assert_eq!(pause.retry_after_ms(), Some(40));
    }
}
