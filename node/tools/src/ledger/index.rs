//! Where each call's newest line stands; rebuilt from the files when another executor turned them over.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::line::{Kind, Line};
use crate::error::{Error, Result};

/// Place of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) offset: u64,
    pub(super) length: usize,
    previous: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Intended(Spot),
    Applied(Spot),
    Answered(Spot),
    Forgotten,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) arguments: String,
    pub(super) slot: Slot,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) entries: HashMap<String, Entry>,
    /// Bytes of the file under scan that are accounted for.
    pub(super) end: u64,
    current: Option<File>,
    previous: Option<File>,
    scanning_previous: bool,
}

impl Index {
    /// Says whether the index was built from the file that now stands at `path`.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        let ours = self.current.as_ref().and_then(|file| file.metadata().ok());
        let there = path.metadata().ok();
        ours.zip(there)
            .is_some_and(|(ours, there)| ours.ino() == there.ino() && ours.dev() == there.dev())
    }

    pub(super) fn open_current(&mut self, path: &Path) -> Result<()> {
        self.current = Some(
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(|error| Error::io(format!("opening {}", path.display()), error))?,
        );
        self.end = 0;
        Ok(())
    }

    pub(super) fn open_previous(&mut self, path: &Path) -> Result<()> {
        let file = File::open(path)
            .map_err(|error| Error::io(format!("opening {}", path.display()), error))?;
        self.previous = Some(file);
        self.scanning_previous = true;
        self.end = 0;
        Ok(())
    }

    /// Ends the scan of the previous segment.
    pub(super) fn age_files_only(&mut self) {
        self.scanning_previous = false;
        self.end = 0;
    }

    /// Makes the current segment the previous one; gives the calls whose lines are gone with the older.
    pub(super) fn age(&mut self, forgotten_max: usize) -> Vec<(String, String)> {
        let mut forgotten = Vec::new();
        self.entries.retain(|id, entry| {
            let spot = match &mut entry.slot {
                Slot::Intended(spot) | Slot::Applied(spot) | Slot::Answered(spot) => Some(spot),
                Slot::Forgotten => None,
            };
            match spot {
                Some(spot) if !spot.previous => spot.previous = true,
                _ if forgotten.len() < forgotten_max => {
                    forgotten.push((id.clone(), entry.arguments.clone()));
                    entry.slot = Slot::Forgotten;
                }
                _ => return false,
            }
            true
        });
        self.previous = self.current.take();
        forgotten
    }

    /// Takes a line in that ends `length` bytes after what was known.
    pub(super) fn note(&mut self, line: &Line<'_>, length: usize) {
        let spot = Spot {
            offset: self.end,
            length,
            previous: self.scanning_previous,
        };
        self.end += length as u64;
        let slot = match line.kind {
            Kind::Intent => Slot::Intended(spot),
            Kind::Applied => Slot::Applied(spot),
            Kind::Outcome => Slot::Answered(spot),
            Kind::Forgotten => Slot::Forgotten,
        };
        self.remember(line, slot);
    }

    pub(super) fn current(&self) -> Result<&File> {
        self.current.as_ref().ok_or_else(not_open)
    }

    pub(super) fn previous(&self) -> Result<&File> {
        self.previous.as_ref().ok_or_else(not_open)
    }

    pub(super) fn file(&self, spot: Spot) -> Result<&File> {
        if spot.previous {
            self.previous()
        } else {
            self.current()
        }
    }
}

fn not_open() -> Error {
    Error::io(
        "the ledger is not open",
        std::io::Error::other("a former attempt to open it failed"),
    )
}
