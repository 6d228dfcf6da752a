//! The one table of exit codes; `docs/cli.md` prints the same.

use aiex_proto::code::ErrorCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    NotAllowed,
    LimitReached,
    Denied,
    VerificationFailed,
    Unreachable,
    Interrupted,
}

impl Exit {
    /// The number a shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotAllowed => 3,
            Self::LimitReached => 4,
            Self::Denied => 5,
            Self::VerificationFailed => 6,
            Self::Unreachable => 7,
            Self::Interrupted => 130,
        }
    }
}

impl From<ErrorCode> for Exit {
    fn from(code: ErrorCode) -> Self {
        match code.exit_code() {
            3 => Self::NotAllowed,
            4 => Self::LimitReached,
            5 => Self::Denied,
            6 => Self::VerificationFailed,
            7 => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_has_the_exit_code_of_the_contract() {
        for code in ErrorCode::ALL {
            assert_eq!(
                Exit::from(code).code(),
                code.exit_code(),
                "{}",
                code.as_str()
            );
        }
    }

    #[test]
    fn the_documented_table_is_the_real_one() {
        let document = include_str!("../../docs/cli.md");
        let table = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::NotAllowed,
            Exit::LimitReached,
            Exit::Denied,
            Exit::VerificationFailed,
            Exit::Unreachable,
            Exit::Interrupted,
        ];
        for exit in table {
            let row = format!("| {} |", exit.code());
            assert!(document.contains(&row), "docs/cli.md has no row {row}");
        }
    }
}
