//! Advisory locks between executors of one project, in one process or several; freed by any death.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until the lock is ours.
    pub(crate) fn wait(path: &Path) -> Result<Self> {
        let file = open(path)?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Error::io(format!("locking {}", path.display()), errno)),
            }
        }
    }

    /// Takes the lock if nobody has it.
    pub(crate) fn attempt(path: &Path) -> Result<Option<Self>> {
        let file = open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(Error::io(format!("locking {}", path.display()), errno)),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| Error::io(format!("opening {}", path.display()), error))
}
