//! The note about the running node: which process, which addresses.

use crate::error::Error;
use crate::state::replace_file;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

const NAME: &str = "node.json";

/// What is known of a started node. The file is readable by its owner alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) pid: i32,
    /// Start time of the process in clock ticks since boot: tells it from a later process with the same id.
    pub(crate) process_started_ticks: u64,
    pub(crate) started_unix_ms: i64,
    /// Address for clients.
    pub(crate) client: String,
    /// Address of `/readyz` and `/metrics`.
    pub(crate) operations: String,
}

impl Record {
    /// Reads the note; a missing or damaged one means that nothing is known.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.join(NAME)).ok()?).ok()
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?;
        replace_file(&dir.join(NAME), &bytes)
    }

    pub(super) fn forget(dir: &Path) {
        let _may_be_gone = fs::remove_file(dir.join(NAME));
    }
}
