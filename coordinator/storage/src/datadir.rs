//! The data directory: its lock, its marker, and the stores inside it.
//!
//! `LOCK` is held while the node runs, `NODE` is the marker, `log/`, `state/` and `blobs/` are the stores, `log.witness`
//! stands beside the log. Ends with [`DataDir::close`]; the lock is held until the last user of a store is gone.

mod marker;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use crate::{
    BlobStore, EngineLimits, Error,
    engine::Engine,
    log::{FileWitness, LogConfig, LogStore, OrderedLog, RocksLog, RocksMedium},
    state::RocksState,
};

pub use marker::{FORMAT, Marker};

/// How long [`DataDir::close`] waits for the last user of a store.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// The open data directory of a node.
pub struct DataDir {
    /// What the marker says.
    pub marker: Marker,
    /// The log of all groups.
    pub log: Arc<RocksLog>,
    /// The state of all replicas.
    pub state: Arc<RocksState>,
    /// Large values.
    pub blobs: Arc<BlobStore>,
    path: PathBuf,
    // In a lock only to let the directory be shared between threads.
    released: Mutex<Receiver<()>>,
}

/// Keeps the directory locked; shared by its stores, so that the lock outlives every open file.
pub(crate) struct Held {
    _lock: File,
    /// Dropped with the lock, which tells [`DataDir::close`].
    _released: Sender<()>,
}

impl DataDir {
    /// Locks and opens the directory at `path`, or makes it, with `first_marker` as its marker, if it is absent or empty.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Locked`], [`Error::Format`], [`Error::Quarantined`], [`Error::DiskFull`] or
    /// [`Error::Io`], each naming what to do.
    pub fn open(
        path: &Path,
        first_marker: impl FnOnce() -> Marker,
        limits: EngineLimits,
    ) -> Result<Self, Error> {
        let io = |e: &std::io::Error| Error::from_io(path, e);
        fs::create_dir_all(path).map_err(|e| io(&e))?;
        refuse_foreign(path)?;
        let (sender, released) = channel();
        let held = Arc::new(Held {
            _lock: lock(path)?,
            _released: sender,
        });
        let marker = Marker::read(path)?;
        let fresh = marker.is_none();

        let engine = Engine::new(limits);
        let witness = FileWitness::open(&path.join("log.witness"))?;
        let medium = RocksMedium::open(&path.join("log"), &engine, fresh, Arc::clone(&held))?;
        let log = OrderedLog::open(medium, Box::new(witness), LogConfig::default())?;
        if fresh && !log.is_pristine() {
            let reason = "it holds a log but its marker file NODE is missing".to_owned();
            return Err(Error::Quarantined { reason });
        }
        let state = RocksState::open(&path.join("state"), &engine, Arc::clone(&held))?;
        let blobs = BlobStore::open(&path.join("blobs"))?.holding(held);
        let marker = match marker {
            Some(marker) => marker,
            // Last, so that a directory with a marker has all its stores.
            None => {
                let marker = first_marker();
                marker.write(path)?;
                marker
            }
        };
        let (log, state, blobs) = (Arc::new(log), Arc::new(state), Arc::new(blobs));
        Ok(Self {
            marker,
            log,
            state,
            blobs,
            path: path.to_path_buf(),
            released: Mutex::new(released),
        })
    }

    /// Syncs the log, closes the stores and gives up the lock. Blocks until no clone of a store is left.
    ///
    /// # Errors
    /// The failure that closed the log earlier, or [`Error::Locked`] when a store is still in use after ten seconds.
    pub fn close(self) -> Result<(), Error> {
        let Self {
            log,
            state,
            blobs,
            path,
            released,
            ..
        } = self;
        let closed = log.close();
        drop((log, state, blobs));
        match released
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .recv_timeout(CLOSE_LIMIT)
        {
            Err(RecvTimeoutError::Disconnected) => closed,
            Ok(()) | Err(RecvTimeoutError::Timeout) => Err(Error::Locked { path }),
        }
    }
}

/// Names this program puts into a data directory.
const OURS: [&str; 8] = [
    "LOCK",
    marker::FILE,
    marker::NEW_FILE,
    "log",
    "log.witness",
    "state",
    "blobs",
    "lost+found",
];

/// A directory with other people's files and no marker is not ours to fill.
fn refuse_foreign(path: &Path) -> Result<(), Error> {
    if path.join(marker::FILE).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|e| Error::from_io(path, &e))? {
        let name = entry.map_err(|e| Error::from_io(path, &e))?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            let found = format!("a directory with other files, such as {}", name.display());
            return Err(Error::Format {
                path: path.to_path_buf(),
                found,
                expected: FORMAT,
            });
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = path.join("LOCK");
    let open = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file);
    let handle = open.map_err(|e| Error::from_io(path, &e))?;
    match handle.try_lock() {
        Ok(()) => Ok(handle),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: path.to_path_buf(),
        }),
        Err(TryLockError::Error(e)) => Err(Error::from_io(path, &e)),
    }
}

/// Syncs the directory itself, so that names made in it survive.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| Error::from_io(path, &e))
}

/// Writes `bytes` so that `target` holds either the old content or the new one, durably; `temporary` is on the same disk.
pub(crate) fn write_durably(target: &Path, temporary: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temporary, target)
    };
    write().map_err(|e| Error::from_io(target, &e))?;
    target.parent().map_or(Ok(()), sync_directory)
}

#[cfg(test)]
mod tests;
