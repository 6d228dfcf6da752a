//! The private one-node cluster of a user: started when no endpoint is configured, kept in the data directory.
//!
//! `record` says which process it is, `launch` starts it. The node is detached: it outlives the command that
//! started it and ends with `aiex stop local`.

mod launch;
mod process;
mod record;

use crate::environment::Environment;
use crate::error::Error;
use crate::state::create_private_dir;
use aiex_client::{Endpoints, Token};
use aiex_proto::code::ErrorCode;
use process::Process;
pub(crate) use record::Record;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one start may wait for another start of the same node.
const LOCK_WAIT_MS: u64 = 90_000;
/// How long a node may take to hand over and stop before it is killed.
const STOP_WAIT_MS: u64 = 30_000;
/// How often a state is looked at while waiting for it.
const POLL_MS: u64 = 20;
/// How much of the log's end is searched for the reason of a failure.
const LOG_TAIL_BYTES: u64 = 16 << 10;
/// Lines of the log shown when a start fails.
const LOG_LINES_SHOWN: usize = 6;

/// The place of the private node, whether it runs or not.
#[derive(Debug, Clone)]
pub(crate) struct LocalNode {
    dir: PathBuf,
    node_binary: Option<PathBuf>,
    search_path: Option<std::ffi::OsString>,
    /// Settings of the private node, used when the file is there: models above all.
    node_config: PathBuf,
}

/// What a start found.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) record: Record,
    /// False when it ran already.
    pub(crate) fresh: bool,
}

/// How a stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    WasNotRunning,
    Gracefully,
    /// It did not stop in time.
    Killed,
}

impl LocalNode {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self {
            dir: environment.local_data_dir.clone(),
            node_binary: environment.node_binary.clone(),
            search_path: environment.search_path.clone(),
            node_config: environment.config_dir.join("node.toml"),
        }
    }

    /// The data directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the node writes its log.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.dir.join("node.log")
    }

    fn token_file(&self) -> PathBuf {
        self.dir.join("token")
    }

    /// The running node, proved to be ours by its start time and command line.
    pub(crate) fn running(&self) -> Option<Record> {
        let record = Record::read(&self.dir)?;
        Process::of(&record, &self.dir).is_alive().then_some(record)
    }

    /// The server program a start would use.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find_binary(&self) -> Result<PathBuf, Error> {
        launch::find_binary(self.node_binary.as_deref(), self.search_path.as_deref())
    }

    /// Starts the node unless it runs, and waits until it is ready.
    ///
    /// # Errors
    /// When the server program is not found, the directory cannot be used, or the node ends before it is ready;
    /// the last lines of its log are part of the message.
    pub(crate) fn start(&self) -> Result<Started, Error> {
        create_private_dir(&self.dir)?;
        let _lock = self.lock()?;
        if let Some(record) = self.running() {
            launch::wait_ready(&record, &Process::of(&record, &self.dir), &|| {
                self.last_log_lines(0)
            })?;
            return Ok(Started {
                record,
                fresh: false,
            });
        }
        let binary = self.find_binary()?;
        let record = launch::launch(&binary, self)?;
        Ok(Started {
            record,
            fresh: true,
        })
    }

    /// Ends the node, if it runs.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub(crate) fn stop(&self) -> Result<Stopped, Error> {
        if !self.dir.is_dir() {
            return Ok(Stopped::WasNotRunning);
        }
        let _lock = self.lock()?;
        let Some(record) = self.running() else {
            Record::forget(&self.dir);
            return Ok(Stopped::WasNotRunning);
        };
        let process = Process::of(&record, &self.dir);
        process.terminate()?;
        let ended = wait_until(STOP_WAIT_MS, || !process.is_alive());
        if !ended {
            process.kill()?;
            wait_until(STOP_WAIT_MS, || !process.is_alive());
        }
        Record::forget(&self.dir);
        Ok(if ended {
            Stopped::Gracefully
        } else {
            Stopped::Killed
        })
    }

    /// The owner's token, which the node wrote at its first start.
    ///
    /// # Errors
    /// When the file is missing, or others may read it.
    pub(crate) fn token(&self) -> Result<Token, Error> {
        let path = self.token_file();
        let metadata = fs::metadata(&path).map_err(|error| Error::file("read", &path, &error))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(Error::refused(
                ErrorCode::PermissionDenied,
                format!("others may read the token in {}", path.display()),
                format!("run: chmod 600 {}", path.display()),
            ));
        }
        let text = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, &error))?;
        Ok(Token::new(&text)?)
    }

    /// Where clients reach a node.
    pub(crate) fn endpoints(record: &Record) -> Result<Endpoints, Error> {
        Ok(Endpoints::parse(&record.client)?)
    }

    /// One start or stop at a time; ends with the process that holds it.
    fn lock(&self) -> Result<File, Error> {
        let path = self.dir.join("lock");
        let open = || {
            OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(&path)
        };
        let file = open().map_err(|error| Error::file("open", &path, &error))?;
        let mut failure = None;
        let locked = wait_until(LOCK_WAIT_MS, || match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => {
                failure = Some(error);
                true
            }
        });
        match failure {
            Some(error) => Err(Error::file("lock", &path, &error)),
            None if locked => Ok(file),
            None => Err(Error::refused(
                ErrorCode::Conflict,
                format!(
                    "another command has been starting or stopping the node for {} s",
                    LOCK_WAIT_MS / 1_000
                ),
                "wait for it to end, or end it",
            )),
        }
    }

    /// The last lines of the log after byte `from`, errors preferred.
    fn last_log_lines(&self, from: u64) -> Vec<String> {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(self.log_file())?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(
                size.saturating_sub(LOG_TAIL_BYTES).max(from),
            ))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_default();
        let is_error =
            |line: &&str| line.contains("ERROR") || line.to_lowercase().contains("error");
        let mut lines: Vec<&str> = text.lines().filter(is_error).collect();
        if lines.is_empty() {
            lines = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect();
        }
        let skip = lines.len().saturating_sub(LOG_LINES_SHOWN);
        lines.into_iter().skip(skip).map(str::to_owned).collect()
    }
}

/// Looks at a state until it holds or the time is over; true when it holds.
fn wait_until(limit_ms: u64, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_millis(limit_ms);
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        // A process, a file and a lock of others give no event to wait for.
        std::thread::sleep(Duration::from_millis(POLL_MS)); // tidy: not a test
    }
}

#[cfg(test)]
mod tests;
