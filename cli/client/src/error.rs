//! What went wrong in a call, in the terms of the contract.

use aiex_proto::code::{CODE_HEADER, ErrorCode, HINT_HEADER};
use std::error::Error as _;
use tonic::{Code, Status};

/// A refused or failed call.
///
/// `code` decides the exit code of a program, `hint` tells a person what to do next (it may be empty), and
/// `retryable` says whether the same call may succeed later without any change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: ErrorCode,
    pub message: String,
    pub hint: String,
    pub retryable: bool,
}

impl Error {
    /// Builds an error of this side of the wire; retryable exactly when the cluster was unavailable.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            retryable: code == ErrorCode::Unavailable,
        }
    }

    /// Builds the error of a cluster that could not be reached.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(
            ErrorCode::Unavailable,
            message,
            "check the endpoint and that a node runs there, or try again",
        )
    }
}

impl From<Status> for Error {
    /// Reads the contract's trailers; a status without them came from the transport or from a proxy.
    fn from(status: Status) -> Self {
        let named = status
            .metadata()
            .get(CODE_HEADER)
            .and_then(|value| value.to_str().ok())
            .and_then(ErrorCode::parse);
        let code = named.unwrap_or_else(|| transport_code(&status));
        let hint = status
            .metadata()
            .get_bin(HINT_HEADER)
            .and_then(|value| value.to_bytes().ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let message = if status.message().is_empty() {
            format!("the cluster answered {:?} without a message", status.code())
        } else {
            status.message().to_owned()
        };
        match hint {
            Some(hint) => Self::new(code, message, hint),
            None if code == ErrorCode::Unavailable => Self::unreachable(message),
            None => Self::new(code, message, ""),
        }
    }
}

/// Maps a status that carries no code of ours. A status with a source never left the transport: the link broke.
fn transport_code(status: &Status) -> ErrorCode {
    if status.source().is_some() {
        return ErrorCode::Unavailable;
    }
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
            ErrorCode::InvalidArgument
        }
        Code::Unauthenticated => ErrorCode::Unauthenticated,
        Code::PermissionDenied => ErrorCode::PermissionDenied,
        Code::NotFound => ErrorCode::NotFound,
        Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => ErrorCode::Conflict,
        Code::ResourceExhausted => ErrorCode::LimitReached,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => ErrorCode::Unavailable,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => ErrorCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::metadata::{MetadataMap, MetadataValue};

    #[test]
    fn the_trailers_win_over_the_status_code() {
        let mut trailers = MetadataMap::new();
        trailers.insert(CODE_HEADER, MetadataValue::from_static("budget_reached"));
        trailers.insert_bin(
            HINT_HEADER,
            MetadataValue::from_bytes("wait until 12:00 · then retry".as_bytes()),
        );
        let status = Status::with_metadata(
            Code::ResourceExhausted,
            "the team's budget is used up",
            trailers,
        );
        let error = Error::from(status);
        assert_eq!(error.code, ErrorCode::BudgetReached);
        assert_eq!(error.message, "the team's budget is used up");
        assert_eq!(error.hint, "wait until 12:00 · then retry");
        assert!(!error.retryable);
    }

    #[test]
    fn a_code_of_a_later_version_falls_back_to_the_status() {
        let mut trailers = MetadataMap::new();
        trailers.insert(CODE_HEADER, MetadataValue::from_static("moon_phase"));
        let error = Error::from(Status::with_metadata(
            Code::NotFound,
            "no such session",
            trailers,
        ));
        assert_eq!(error.code, ErrorCode::NotFound);
    }

    #[test]
    fn a_broken_link_is_unavailable_whatever_the_status_says() {
        let mut status = Status::internal("h2 protocol error");
        status.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
        let error = Error::from(status);
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert!(error.retryable);
        assert!(!error.hint.is_empty());
    }
}
