//! What this program remembers of one working tree, outside the tree: the last session, file hashes, decisions.

use crate::error::Error;
use crate::project::tree::Hashes;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Decisions that are read back; older ones belong to turns long finished.
const DECISIONS_MAX: usize = 10_000;

/// The state directory of one project. Each file is replaced as a whole, except the decisions, which grow.
#[derive(Debug, Clone)]
pub(crate) struct ProjectState {
    dir: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct LastSession {
    session_id: String,
}

/// A person's answer about one tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) call_id: String,
    pub(crate) granted: bool,
    pub(crate) reason: String,
}

impl ProjectState {
    /// Opens the directory, which is made for its owner only.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        create_private_dir(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// Where the executor keeps its ledger.
    pub(crate) fn tools_dir(&self) -> PathBuf {
        self.dir.join("tools")
    }

    /// The session this project used last.
    pub(crate) fn last_session(&self) -> Option<String> {
        let last: LastSession = self.read("session.json")?;
        Some(last.session_id)
    }

    /// Remembers the session for `--continue`, `resume` and `undo`.
    pub(crate) fn remember_session(&self, session_id: &str) -> Result<(), Error> {
        self.write(
            "session.json",
            &LastSession {
                session_id: session_id.to_owned(),
            },
        )
    }

    /// Hashes of the last walk; a damaged file only costs time.
    pub(crate) fn hashes(&self) -> Hashes {
        self.read("hashes.json").unwrap_or_default()
    }

    pub(crate) fn remember_hashes(&self, hashes: &Hashes) -> Result<(), Error> {
        self.write("hashes.json", hashes)
    }

    /// The answer a person gave about this call before, so that nobody is asked twice and an applied change is
    /// never reported as denied.
    pub(crate) fn decision(&self, call_id: &str) -> Option<Decision> {
        let file = File::open(self.dir.join("decisions.ndjson")).ok()?;
        BufReader::new(file)
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str::<Decision>(&line).ok())
            .filter(|decision| decision.call_id == call_id)
            .take(DECISIONS_MAX)
            .last()
    }

    /// Makes an answer durable before it has any effect.
    pub(crate) fn remember_decision(&self, decision: &Decision) -> Result<(), Error> {
        let path = self.dir.join("decisions.ndjson");
        let mut line =
            serde_json::to_vec(decision).map_err(|error| Error::internal(error.to_string()))?;
        line.push(b'\n');
        let append = || {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(&line)?;
            file.sync_data()
        };
        append().map_err(|error| Error::file("write", &path, &error))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let bytes = fs::read(self.dir.join(name)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Error> {
        let bytes =
            serde_json::to_vec(value).map_err(|error| Error::internal(error.to_string()))?;
        replace_file(&self.dir.join(name), &bytes)
    }
}

/// Makes a directory and its parents, readable by the owner alone.
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::file("create", dir, &error))
}

/// Replaces a file as a whole, mode 0600: a crash leaves the old one or the new one.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&fresh, path)
    };
    write().map_err(|error| Error::file("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn memory_is_private_and_survives_damage() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("a/b");
        let state = ProjectState::open(&place).expect("a state");
        assert_eq!(state.last_session(), None);
        state.remember_session("s-1").expect("written");
        assert_eq!(state.last_session().as_deref(), Some("s-1"));
        let mode = fs::metadata(place.join("session.json"))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::metadata(&place)
                .expect("a directory")
                .permissions()
                .mode()
                & 0o777,
            0o700
        );
        fs::write(place.join("session.json"), "{").expect("damaged");
        assert_eq!(state.last_session(), None);
    }

    #[test]
    fn the_last_decision_counts_and_a_torn_line_does_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = ProjectState::open(dir.path()).expect("a state");
        let decide = |granted| Decision {
            call_id: "c-1".into(),
            granted,
            reason: String::new(),
        };
        assert_eq!(state.decision("c-1"), None);
        state.remember_decision(&decide(false)).expect("written");
        state.remember_decision(&decide(true)).expect("written");
        let mut file = OpenOptions::new()
            .append(true)
            .open(dir.path().join("decisions.ndjson"))
            .expect("open");
        file.write_all(b"{\"call_id\":\"c-1\",\"gran")
            .expect("torn");
        assert_eq!(state.decision("c-1"), Some(decide(true)));
    }
}
