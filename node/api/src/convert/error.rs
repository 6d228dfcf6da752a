//! The only map from the rooms' errors to what a client sees: a code, a safe message, a hint.

use aiex_proto::code::{CODE_HEADER, ErrorCode, HINT_HEADER};
use tonic::metadata::{Ascii, Binary, MetadataValue};
use tonic::{Code, Status};

/// What a client is told. The chain behind it is logged where it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Refusal {
    pub(crate) fn new(
        code: ErrorCode,
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
        Self::new(ErrorCode::InvalidArgument, message, hint)
    }

    /// True when the same request may work in a moment.
    pub(crate) const fn retryable(&self) -> bool {
        matches!(self.code, ErrorCode::Unavailable)
    }
}

/// The transport's code for ours.
const fn transport_code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::InvalidArgument => Code::InvalidArgument,
        ErrorCode::Unauthenticated => Code::Unauthenticated,
        ErrorCode::PermissionDenied | ErrorCode::ApprovalDenied => Code::PermissionDenied,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::Conflict | ErrorCode::VerificationFailed => Code::FailedPrecondition,
        ErrorCode::LimitReached | ErrorCode::BudgetReached => Code::ResourceExhausted,
        ErrorCode::Unavailable | ErrorCode::ProviderFailed => Code::Unavailable,
        ErrorCode::Internal => Code::Internal,
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut status = Status::new(transport_code(refusal.code), refusal.message);
        let code: MetadataValue<Ascii> = MetadataValue::from_static(refusal.code.as_str());
        status.metadata_mut().insert(CODE_HEADER, code);
        if !refusal.hint.is_empty() {
            let hint: MetadataValue<Binary> = MetadataValue::from_bytes(refusal.hint.as_bytes());
            status.metadata_mut().insert_bin(HINT_HEADER, hint);
        }
        status
    }
}

impl From<aiex_agent::Error> for Refusal {
    fn from(error: aiex_agent::Error) -> Self {
        use aiex_agent::Error as E;
        let message = error.to_string();
        match error {
            E::SessionNotFound(_) => Self::new(
                ErrorCode::NotFound,
                message,
                "list the sessions with: aiex list sessions",
            ),
            E::Rejected { code, hint, .. } => Self::new(
                ErrorCode::parse(&code).unwrap_or(ErrorCode::Internal),
                message,
                hint,
            ),
            E::Unavailable(_) | E::ShuttingDown => Self::new(
                ErrorCode::Unavailable,
                message,
                "try again; nothing that was shown as done is lost",
            ),
            E::Damaged(_) => {
                tracing::error!(%message, "stored data is damaged");
                Self::new(ErrorCode::Internal, message, "see the log of the node")
            }
            E::LimitReached { .. } => {
                Self::new(ErrorCode::LimitReached, message, "ask for less at once")
            }
        }
    }
}

impl From<aiex_security::Denied> for Refusal {
    fn from(denied: aiex_security::Denied) -> Self {
        Self::new(ErrorCode::PermissionDenied, denied.message, denied.hint)
    }
}

impl From<aiex_session::StoreError> for Refusal {
    fn from(error: aiex_session::StoreError) -> Self {
        use aiex_session::StoreError as E;
        let message = error.to_string();
        match error {
            E::NotFound => Self::new(
                ErrorCode::NotFound,
                message,
                "list the sessions with: aiex list sessions",
            ),
            E::SeqConflict { .. } | E::IdempotencyConflict { .. } => Self::new(
                ErrorCode::Conflict,
                message,
                "read the session again, then repeat",
            ),
            E::TooLarge { .. } => Self::new(ErrorCode::LimitReached, message, "send less at once"),
            E::Invalid(_) => Self::invalid(message, "the client may be newer than the node"),
            E::Unavailable(_) => Self::new(ErrorCode::Unavailable, message, "try again"),
            E::Damaged(_) => {
                tracing::error!(%message, "stored data is damaged");
                Self::new(ErrorCode::Internal, message, "see the log of the node")
            }
        }
    }
}

impl From<aiex_coordinator::Error> for Refusal {
    fn from(error: aiex_coordinator::Error) -> Self {
        use aiex_coordinator::Error as E;
        let message = error.to_string();
        match error {
            E::NotLeader { .. } | E::Unavailable { .. } | E::OutcomeUnknown => {
                Self::new(ErrorCode::Unavailable, message, "try again")
            }
            E::Overloaded { .. } | E::TooLarge { .. } | E::RegistryFull { .. } => Self::new(
                ErrorCode::LimitReached,
                message,
                "try again with less at once",
            ),
            E::VersionMismatch { .. } | E::IdempotencyConflict { .. } => Self::new(
                ErrorCode::Conflict,
                message,
                "somebody else was first; look again",
            ),
            E::BlobMissing { .. }
            | E::Damaged { .. }
            | E::Quarantined { .. }
            | E::ReadOnly { .. }
            | E::Locked { .. }
            | E::Format { .. }
            | E::Storage { .. } => {
                tracing::error!(%message, "storage failed");
                Self::new(ErrorCode::Internal, message, "see the log of the node")
            }
        }
    }
}

impl From<aiex_context::Error> for Refusal {
    fn from(error: aiex_context::Error) -> Self {
        use aiex_context::Error as E;
        let code = match &error {
            E::UnknownWorkspace { .. } => ErrorCode::NotFound,
            E::ContentTooLarge { .. }
            | E::TooManyFiles { .. }
            | E::Full { .. }
            | E::BudgetTooSmall { .. } => ErrorCode::LimitReached,
            E::HashMismatch
            | E::PathRefused { .. }
            | E::ContentMissing { .. }
            | E::NoPrompt { .. } => ErrorCode::InvalidArgument,
            E::Tokenizer | E::File { .. } | E::Indexing { .. } => {
                tracing::error!(%error, "the context engine failed");
                ErrorCode::Internal
            }
        };
        Self::new(code, error.to_string(), error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_carries_code_and_hint() {
        let status = Status::from(Refusal::new(ErrorCode::NotFound, "no", "do this – now"));
        assert_eq!(status.code(), Code::NotFound);
        let code = status
            .metadata()
            .get(CODE_HEADER)
            .unwrap()
            .to_str()
            .unwrap();
        assert_eq!(ErrorCode::parse(code), Some(ErrorCode::NotFound));
        let hint = status
            .metadata()
            .get_bin(HINT_HEADER)
            .unwrap()
            .to_bytes()
            .unwrap();
        assert_eq!(hint, "do this – now".as_bytes());
    }
}
