//! What can go wrong in a tool, each with a hint for whoever reads it, model or person.

use std::io;

use crate::ToolStatus;

/// Everything a tool refuses or fails at. Messages name paths as the caller wrote them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path text is refused before the kernel sees it.
    #[error("path `{path}` is refused: {reason}")]
    PathRefused { path: String, reason: &'static str },
    /// The kernel found a symbolic link, or a step above the root, while resolving.
    #[error("path `{path}` leaves the project root or passes a symbolic link")]
    Escape { path: String },
    /// The name is one that tools never write.
    #[error("path `{path}` is protected and cannot be written")]
    Protected { path: String },
    /// An outside path that the policy allows for reading only.
    #[error("path `{path}` is outside the project and read-only")]
    ReadOnly { path: String },
    /// A second name of the same file exists somewhere, perhaps outside.
    #[error("file `{path}` has {links} hard links and is not written")]
    HardLinked { path: String, links: u64 },
    #[error("`{path}` does not exist")]
    Missing { path: String },
    #[error("`{path}` already exists")]
    Exists { path: String },
    #[error("`{path}` cannot be opened: permission denied")]
    Unreadable { path: String },
    #[error("`{path}` is {found}, not a regular file")]
    NotRegular { path: String, found: &'static str },
    #[error("`{path}` is not a directory")]
    NotDirectory { path: String },
    #[error("`{path}` is a binary file (NUL byte at offset {offset})")]
    Binary { path: String, offset: usize },
    #[error("`{path}` is not valid UTF-8 (first bad byte at offset {offset})")]
    NotUtf8 { path: String, offset: usize },
    #[error("`{path}` has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        path: String,
        bytes: u64,
        limit: u64,
    },
    /// The tool's arguments are not what its schema says.
    #[error("arguments of `{tool}` are not usable: {reason}")]
    Arguments { tool: String, reason: String },
    #[error("there is no tool named `{name}`")]
    UnknownTool { name: String },
    /// An edit that cannot be placed; the text already says where and why.
    #[error("{message}")]
    Edit { message: String, hint: &'static str },
    /// The file is not the one the caller saw, and the two changes do not merge.
    #[error("`{path}` changed since it was read: its hash is {actual}, expected {expected}")]
    Stale {
        path: String,
        expected: String,
        actual: String,
    },
    #[error("program `{program}` is not on the list of allowed programs")]
    ProgramRefused { program: String },
    #[error("environment variable `{name}` is not on the list of allowed names")]
    EnvironmentRefused { name: String },
    #[error("no sandbox: {reason}")]
    NoSandbox { reason: String },
    #[error("{program} was not found")]
    ProgramMissing { program: String },
    #[error("there is no mix.exs above `{path}`")]
    NoMixProject { path: String },
    /// The same id came with other arguments; nothing was done.
    #[error("call id `{call_id}` was already used with other arguments")]
    CallIdReused { call_id: String },
    /// A command was cut short by a crash and may or may not have had its effect.
    #[error(
        "call `{call_id}` was interrupted before its outcome was recorded; its effect is unknown"
    )]
    Interrupted { call_id: String },
    /// The outcome was recorded so long ago that only the fact remains.
    #[error("call `{call_id}` was carried out long ago; its answer is no longer kept")]
    Forgotten { call_id: String },
    /// A half-applied change met a file that is neither the old nor the new text.
    #[error(
        "`{path}` was changed by someone else while it was being written; it was left as it is"
    )]
    RecoveryConflict { path: String },
    #[error("ledger `{file}` is damaged at byte {offset}")]
    LedgerDamaged { file: String, offset: u64 },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl Error {
    /// Wraps an I/O error with what was attempted.
    pub(crate) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io {
            what: what.into(),
            source: source.into(),
        }
    }

    /// Says what to do next, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::PathRefused { .. } => "give a path relative to the project root, like lib/app.ex",
            Self::Escape { .. } => {
                "name the real file inside the project; links and `..` are not followed"
            }
            Self::Protected { .. } => {
                "leave .git and .aiex files to their own tools; change another file"
            }
            Self::ReadOnly { .. } => {
                "only the project root is writable; copy the file inside first"
            }
            Self::HardLinked { .. } => "replace the hard link by a copy of its own, then try again",
            Self::Missing { .. } => "list_files shows what exists",
            Self::Exists { .. } => "use edit_file, or write_file with expected_hash",
            Self::Unreadable { .. } => "ask the owner of the file for access",
            Self::NotRegular { .. } => "name a regular file; list_files lists a directory",
            Self::NotDirectory { .. } => "name a directory",
            Self::Binary { .. } | Self::NotUtf8 { .. } => "text tools handle UTF-8 text only",
            Self::TooLarge { .. } => "work on a smaller file, or split this one",
            Self::Arguments { .. } => "send one JSON object that fits the tool's schema",
            Self::UnknownTool { .. } => "use one of the tools that were announced",
            Self::Edit { hint, .. } => hint,
            Self::Stale { .. } => "read the file again and base the change on its present text",
            Self::ProgramRefused { .. } => {
                "use mix or elixir, or have the policy's `programs` extended"
            }
            Self::EnvironmentRefused { .. } => {
                "leave the variable out, or have the policy's `environment` extended"
            }
            Self::NoSandbox { .. } => {
                "install bubblewrap (apt-get install bubblewrap), or set the policy's `allow_unsandboxed`"
            }
            Self::ProgramMissing { .. } => "install Elixir and put it on the PATH",
            Self::NoMixProject { .. } => "create the project with `mix new` first",
            Self::CallIdReused { .. } => "use a new id for a new call",
            Self::Interrupted { .. } => {
                "look at the state of the project, then call again with a new id"
            }
            Self::Forgotten { .. } => "read the present state instead",
            Self::RecoveryConflict { .. } => {
                "read the file again and repeat the change on its present text"
            }
            Self::LedgerDamaged { .. } => {
                "move the ledger aside after checking the disk; calls before it will not be recognised"
            }
            Self::Io { .. } => "check the disk and the permissions, then try again",
        }
    }

    /// Tells a refusal of the boundary or policy from a plain failure.
    pub fn status(&self) -> ToolStatus {
        match self {
            Self::PathRefused { .. }
            | Self::Escape { .. }
            | Self::Protected { .. }
            | Self::ReadOnly { .. }
            | Self::HardLinked { .. }
            | Self::ProgramRefused { .. }
            | Self::EnvironmentRefused { .. }
            | Self::NoSandbox { .. } => ToolStatus::Denied,
            _ => ToolStatus::Failed,
        }
    }
}

/// Short for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
