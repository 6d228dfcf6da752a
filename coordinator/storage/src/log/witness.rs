//! A second, tiny memory of how far the log was acknowledged, outside the database.
//!
//! A database that drops a damaged tail at open does so silently: only something beside it can tell "never
//! acknowledged" from "lost". The witness holds the number of the last synced round. It is written after each sync and
//! not synced itself: a stale number only makes the check weaker, never wrong.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::Error;

/// Remembers the last acknowledged round.
pub trait Witness: Send + Sync + 'static {
    /// Returns a round that was certainly acknowledged; 0 when nothing is known.
    fn round(&self) -> u64;

    /// Notes that `round` is durable. Best effort: a failure only weakens the check.
    fn note(&self, round: u64);
}

/// The witness in a small file beside the database.
pub struct FileWitness {
    file: File,
    known: u64,
}

const RECORD: usize = 12;

impl FileWitness {
    /// Opens or makes the file; a damaged one counts as knowing nothing.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] or [`Error::Io`] when the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = open.map_err(|e| Error::from_io(path, &e))?;
        let mut record = [0; RECORD];
        let known = file
            .read_exact_at(&mut record, 0)
            .ok()
            .and_then(|()| decode(&record))
            .unwrap_or(0);
        Ok(Self { file, known })
    }
}

impl Witness for FileWitness {
    fn round(&self) -> u64 {
        self.known
    }

    fn note(&self, round: u64) {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&round.to_le_bytes());
        record[8..].copy_from_slice(&crc32c::crc32c(&round.to_le_bytes()).to_le_bytes());
        if let Err(error) = self.file.write_all_at(&record, 0) {
            tracing::warn!(%error, "the log's witness could not be written");
        }
    }
}

fn decode(record: &[u8; RECORD]) -> Option<u64> {
    let (round, crc) = record.split_first_chunk::<8>()?;
    (crc == crc32c::crc32c(round).to_le_bytes()).then(|| u64::from_le_bytes(*round))
}

/// The witness of a simulated disk.
impl Witness for AtomicU64 {
    fn round(&self) -> u64 {
        self.load(Ordering::SeqCst)
    }

    fn note(&self, round: u64) {
        self.store(round, Ordering::SeqCst);
    }
}
