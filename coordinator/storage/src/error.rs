//! The one error type of the stores.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Says why a store could not do its work.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// The data directory may not be written.
    #[error("data directory {path} is not writable; give the node a directory it owns")]
    ReadOnly {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has the data directory open.
    #[error(
        "data directory {path} is in use by another process; stop it or choose another directory"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The data directory was written in a format this program does not know, or is not a data directory at all.
    #[error(
        "data directory {path} has another format ({found}); this program reads format {expected}"
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What this program writes.
        expected: u32,
    },
    /// Acknowledged data is missing or damaged: the node must not vote or serve with this disk.
    #[error(
        "this disk is quarantined: {reason}; restore the data directory or rejoin with an empty one"
    )]
    Quarantined {
        /// What is missing.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk is full; free some space and restart the node")]
    DiskFull,
    /// The log was closed, by an earlier failed write or at shutdown; nothing more is accepted.
    #[error("the log is closed: {reason}")]
    LogClosed {
        /// What closed it.
        reason: String,
    },
    /// A stored value fails its checksum.
    #[error("{what} is damaged: its content does not match its checksum")]
    Damaged {
        /// Which value.
        what: String,
    },
    /// No such blob.
    #[error("blob {hash} is not stored here")]
    BlobMissing {
        /// Its address.
        hash: String,
    },
    /// A value is larger than its limit.
    #[error("{what} of {size} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// What kind of value.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Any other failure of the disk.
    #[error("storage failed: {0}")]
    Io(String),
}

impl Error {
    /// Names what an I/O error under `path` means to an operator.
    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly {
                path: path.to_path_buf(),
            },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(format!("{}: {error}", path.display())),
        }
    }
}

impl From<rocksdb::Error> for Error {
    fn from(error: rocksdb::Error) -> Self {
        let text = error.to_string();
        // RocksDB passes ENOSPC on only as text.
        if text.contains("No space left on device") {
            return Self::DiskFull;
        }
        match error.kind() {
            rocksdb::ErrorKind::Corruption => Self::Quarantined {
                reason: format!("a database file is damaged ({text})"),
            },
            _ => Self::Io(text),
        }
    }
}
