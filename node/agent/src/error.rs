//! Why the agent did not do it, with what the person can do about it.

use aiex_session::{SessionId, StoreError};

/// The agent's refusals and failures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("there is no session {0}")]
    SessionNotFound(SessionId),
    /// The aggregate refused the command; `code` is one of the contract's codes.
    #[error("{message}")]
    Rejected {
        code: String,
        message: String,
        hint: String,
    },
    #[error("the session's log cannot be used now: {0}")]
    Unavailable(String),
    #[error("stored data cannot be read: {0}")]
    Damaged(String),
    #[error("{what} is {actual}, over the limit of {limit}")]
    LimitReached {
        what: &'static str,
        actual: usize,
        limit: usize,
    },
    #[error("the node is shutting down")]
    ShuttingDown,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(detail) => Self::Damaged(detail),
            StoreError::TooLarge { actual, limit, .. } => Self::LimitReached {
                what: "the append",
                actual,
                limit,
            },
            StoreError::SeqConflict { .. } | StoreError::IdempotencyConflict { .. } => {
                Self::Rejected {
                    code: "conflict".to_owned(),
                    message: error.to_string(),
                    hint: "the id was used before for something else; choose a new one".to_owned(),
                }
            }
            StoreError::Invalid(_) => Self::Rejected {
                code: "internal".to_owned(),
                message: error.to_string(),
                hint: "this is a defect; report it with the node's log".to_owned(),
            },
            other => Self::Unavailable(other.to_string()),
        }
    }
}
