//! What can end a command, always with a message and mostly with a hint.

use crate::exit_code::Exit;
use aiex_proto::code::ErrorCode;
use std::io;
use std::path::Path;

/// The errors of the terminal program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line, the configuration or an argument is wrong.
    #[error("{message}")]
    Usage { message: String, hint: String },
    /// The cluster, a tool or the machine refused.
    #[error("{message}")]
    Refused {
        code: ErrorCode,
        message: String,
        hint: String,
    },
    /// The person pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The reader of our output went away; a normal end.
    #[error("the reader of the output went away")]
    BrokenPipe,
}

impl Error {
    /// Wrong usage, exit 2.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A refusal with one of the contract's codes.
    pub(crate) fn refused(
        code: ErrorCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Refused {
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A file that could not be used: says what was attempted and what the system answered.
    pub(crate) fn file(attempt: &str, path: &Path, error: &io::Error) -> Self {
        let (code, hint) = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                (ErrorCode::NotFound, "check the path")
            }
            io::ErrorKind::PermissionDenied => (
                ErrorCode::PermissionDenied,
                "check who owns it and its mode",
            ),
            io::ErrorKind::ReadOnlyFilesystem => (
                ErrorCode::PermissionDenied,
                "the file system is read-only; choose another directory",
            ),
            io::ErrorKind::StorageFull => (ErrorCode::LimitReached, "free some space"),
            _ => (ErrorCode::Internal, "see the reason above"),
        };
        Self::refused(
            code,
            format!("cannot {attempt} {}: {error}", path.display()),
            hint,
        )
    }

    /// A defect of this program or of what it was linked with.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::refused(
            ErrorCode::Internal,
            message,
            "this is a defect; please report it with the command line",
        )
    }

    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Refused { code, .. } => Exit::from(*code),
            Self::Interrupted => Exit::Interrupted,
            Self::BrokenPipe => Exit::Done,
        }
    }

    /// The stable name of the error in `error[…]` and in `--json`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Usage { .. } => "usage",
            Self::Refused { code, .. } => code.as_str(),
            Self::Interrupted => "interrupted",
            Self::BrokenPipe => "broken_pipe",
        }
    }

    /// What the person can do next; empty when there is nothing to say.
    pub(crate) fn hint(&self) -> &str {
        match self {
            Self::Usage { hint, .. } | Self::Refused { hint, .. } => hint,
            Self::Interrupted | Self::BrokenPipe => "",
        }
    }
}

impl From<aiex_client::Error> for Error {
    fn from(error: aiex_client::Error) -> Self {
        Self::Refused {
            code: error.code,
            message: error.message,
            hint: error.hint,
        }
    }
}
