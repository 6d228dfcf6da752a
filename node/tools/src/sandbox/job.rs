//! A command to run, and what came of it.

use std::{path::PathBuf, time::Duration};

/// What a command may do with what it is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Write, but for entries that tools never write. A tier that cannot take parts out of a whole lends
    /// the other entries one by one; new ones beside them cannot be made there.
    WriteUnprotected,
}

/// A directory or file lent to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    pub(crate) access: Access,
}

impl Mount {
    /// Lends a path under its own name.
    pub(crate) fn same(path: impl Into<PathBuf>, access: Access) -> Self {
        let path = path.into();
        Self {
            from: path.clone(),
            to: path,
            access,
        }
    }
}

/// One command. The environment is exactly `env`.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) directory: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) stdin: Option<String>,
    /// In order: a later mount covers an earlier one.
    pub(crate) mounts: Vec<Mount>,
    pub(crate) time_limit: Duration,
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished {
    /// `None` when a signal ended it.
    pub(crate) exit: Option<i32>,
    pub(crate) timed_out: bool,
    /// Both already without control sequences, and bounded.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Standard output byte for byte; `None` when a part was dropped or it is not UTF-8.
    pub(crate) exact_stdout: Option<String>,
    pub(crate) duration_ms: u64,
}

impl Finished {
    pub(crate) fn succeeded(&self) -> bool {
        self.exit == Some(0) && !self.timed_out
    }

    /// Both outputs, the errors last.
    pub(crate) fn combined(&self) -> String {
        let gap = if self.stdout.is_empty() || self.stdout.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        format!("{}{gap}{}", self.stdout, self.stderr)
    }

    /// How it ended, in words.
    pub(crate) fn end(&self) -> String {
        match (self.timed_out, self.exit) {
            (true, _) => format!("stopped at the time limit after {} ms", self.duration_ms),
            (false, Some(code)) => format!("exit {code} after {} ms", self.duration_ms),
            (false, None) => format!("ended by a signal after {} ms", self.duration_ms),
        }
    }
}
