//! One process, identified well enough to signal it: its id alone may belong to somebody else by now.

use super::Record;
use crate::error::Error;
use aiex_proto::code::ErrorCode;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};

/// Position of the start time in `/proc/PID/stat`, counted after the command's closing parenthesis.
const START_TIME_FIELD: usize = 19;

/// A process as its note describes it.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pid: i32,
    started_ticks: u64,
    data_dir: PathBuf,
}

impl Process {
    pub(super) fn of(record: &Record, data_dir: &Path) -> Self {
        Self {
            pid: record.pid,
            started_ticks: record.process_started_ticks,
            data_dir: data_dir.to_owned(),
        }
    }

    /// True when it runs and is the node of this data directory.
    pub(super) fn is_alive(&self) -> bool {
        started_ticks(self.pid) == Some(self.started_ticks) && self.serves_our_directory()
    }

    /// Asks it to stop.
    pub(super) fn terminate(&self) -> Result<(), Error> {
        self.signal(Signal::TERM)
    }

    /// Ends it at once.
    pub(super) fn kill(&self) -> Result<(), Error> {
        self.signal(Signal::KILL)
    }

    fn serves_our_directory(&self) -> bool {
        let Ok(arguments) = fs::read(format!("/proc/{}/cmdline", self.pid)) else {
            return false;
        };
        let ours = self.data_dir.as_os_str().as_encoded_bytes();
        arguments
            .split(|&byte| byte == 0)
            .any(|argument| argument == ours)
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        if !self.is_alive() {
            return Ok(());
        }
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        kill_process(pid, signal).map_err(|error| {
            Error::refused(
                ErrorCode::PermissionDenied,
                format!("cannot stop process {}: {error}", self.pid),
                "stop it as the user who started it",
            )
        })
    }
}

/// The start time of a live process; `None` when there is none or it only waits to be reaped.
pub(super) fn started_ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.clone().next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(START_TIME_FIELD)?.parse().ok()
}
