//! The dozen error codes a client may see, and what each means for a script.
//!
//! A code travels in the gRPC trailer [`CODE_HEADER`], its hint in [`HINT_HEADER`].

/// Metadata key that carries [`ErrorCode::as_str`].
pub const CODE_HEADER: &str = "aiex-code";
/// Metadata key that carries the hint for the person, percent-encoded UTF-8.
pub const HINT_HEADER: &str = "aiex-hint-bin";

/// What went wrong, in the caller's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request itself is wrong; repeating it will not help.
    InvalidArgument,
    /// No token, an unknown, expired or revoked one.
    Unauthenticated,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// The named thing does not exist.
    NotFound,
    /// The thing is not in the state the request needs (for example a running turn).
    Conflict,
    /// A named limit was reached: size, time, tokens, queue.
    LimitReached,
    /// A budget or rate limit was reached; retry after the time given.
    BudgetReached,
    /// An approval was denied.
    ApprovalDenied,
    /// The change does not parse, compile or pass.
    VerificationFailed,
    /// No quorum or no reachable owner; safe to retry.
    Unavailable,
    /// The provider of the model failed after every retry.
    ProviderFailed,
    /// A defect or a damaged disk; the log of the node has the chain.
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the table in `docs/errors.md`.
    pub const ALL: [ErrorCode; 12] = [
        ErrorCode::InvalidArgument,
        ErrorCode::Unauthenticated,
        ErrorCode::PermissionDenied,
        ErrorCode::NotFound,
        ErrorCode::Conflict,
        ErrorCode::LimitReached,
        ErrorCode::BudgetReached,
        ErrorCode::ApprovalDenied,
        ErrorCode::VerificationFailed,
        ErrorCode::Unavailable,
        ErrorCode::ProviderFailed,
        ErrorCode::Internal,
    ];

    /// The stable spelling used on the wire and in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidArgument => "invalid_argument",
            ErrorCode::Unauthenticated => "unauthenticated",
            ErrorCode::PermissionDenied => "permission_denied",
            ErrorCode::NotFound => "not_found",
            ErrorCode::Conflict => "conflict",
            ErrorCode::LimitReached => "limit_reached",
            ErrorCode::BudgetReached => "budget_reached",
            ErrorCode::ApprovalDenied => "approval_denied",
            ErrorCode::VerificationFailed => "verification_failed",
            ErrorCode::Unavailable => "unavailable",
            ErrorCode::ProviderFailed => "provider_failed",
            ErrorCode::Internal => "internal",
        }
    }

    /// Reads the wire spelling; `None` for a code of a later version.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// The exit code of the terminal program for this error (see `docs/cli.md`).
    pub const fn exit_code(self) -> u8 {
        match self {
            ErrorCode::InvalidArgument
            | ErrorCode::NotFound
            | ErrorCode::Conflict
            | ErrorCode::ProviderFailed
            | ErrorCode::Internal => 1,
            ErrorCode::Unauthenticated | ErrorCode::PermissionDenied => 3,
            ErrorCode::LimitReached | ErrorCode::BudgetReached => 4,
            ErrorCode::ApprovalDenied => 5,
            ErrorCode::VerificationFailed => 6,
            ErrorCode::Unavailable => 7,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn every_code_survives_the_wire() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
        }
        assert_eq!(ErrorCode::parse("from_the_future"), None);
    }
}
