//! What can go wrong between a session and its shard.

use aiex_session::{SessionId, StoreError};

/// Failures of the journal; the port shows them as [`StoreError`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Shard(#[from] aiex_coordinator::Error),
    /// A stored record of the session cannot be read back.
    #[error("{what} of session {session}: {reason}")]
    Damaged {
        session: SessionId,
        what: String,
        reason: String,
    },
    /// Its data is unreadable for ever, on purpose.
    #[error("the key of session {session} was destroyed")]
    KeyDestroyed { session: SessionId },
    #[error("session data cannot be sealed: {0}")]
    Seal(String),
    /// The shard answered in a way this build does not know.
    #[error("the shard refused the append")]
    Refused,
    #[error("a blocking task of the journal did not end: {0}")]
    Task(String),
}

impl Error {
    pub(crate) fn damaged(
        session: SessionId,
        what: impl Into<String>,
        reason: impl ToString,
    ) -> Self {
        Self::Damaged {
            session,
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        use aiex_coordinator::Error as Shard;
        match &error {
            Error::Damaged { .. }
            | Error::KeyDestroyed { .. }
            | Error::Shard(Shard::Damaged { .. } | Shard::BlobMissing { .. }) => {
                Self::Damaged(error.to_string())
            }
            Error::Shard(Shard::TooLarge { size, limit, .. }) => Self::TooLarge {
                actual: *size,
                limit: *limit,
                unit: "bytes",
            },
            Error::Shard(_) | Error::Seal(_) | Error::Refused | Error::Task(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}
