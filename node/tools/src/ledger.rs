//! The durable record of calls: what was intended, what was applied, what was answered.
//!
//! Append-only lines, each with a checksum, each synced before anyone relies on it. A repeated call id
//! is answered from here, so an effect happens once even when the asker died and another asks again.
//! Several executors may share one ledger; every look and every append is made under a file lock.
//! Two files of [`SEGMENT_BYTES_MAX`] are kept; of older calls only the fact remains.

mod index;
mod line;

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    ToolOutcome,
    digest::parts_hash,
    error::{Error, Result},
    lock::Lock,
};
use index::{Entry, Index, Slot, Spot};
use line::{Kind, Line};

/// Size at which a segment is closed, in bytes.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 16 << 20;
/// Calls remembered by id alone after their answers are gone.
pub(crate) const FORGOTTEN_CALLS_MAX: usize = 20_000;

/// What a call was about to do, recorded before it does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Intent {
    /// The texts themselves are in the content store, durably.
    Write {
        files: Vec<IntendedFile>,
        summary: String,
    },
    /// Running it again is harmless when `repeatable`.
    Command { repeatable: bool },
}

/// One file of an intended write: hashes before and after, `None` where it does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IntendedFile {
    pub(crate) path: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Names a call: its id and a hash of its tool and arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallKey {
    id: String,
    arguments: String,
}

impl CallKey {
    pub(crate) fn new(call_id: &str, tool: &str, arguments: &str) -> Self {
        Self {
            id: parts_hash(&[call_id])[..32].to_owned(),
            arguments: parts_hash(&[tool, arguments])[..32].to_owned(),
        }
    }

    /// A short, file-safe form of the id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// What the ledger knows of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Nothing,
    OtherArguments,
    Intended(Intent),
    /// The effect is complete, the answer is not recorded.
    Applied(Intent),
    Answered(Box<ToolOutcome>),
    Forgotten,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Ledger {
    current: PathBuf,
    previous: PathBuf,
    next: PathBuf,
    lock: PathBuf,
    index: Mutex<Index>,
    segment_bytes_max: u64,
}

impl Ledger {
    /// Opens the ledger in a directory; cuts a last line that a crash left unfinished.
    ///
    /// # Errors
    /// [`Error::LedgerDamaged`] when a line other than the last fails its checksum.
    pub(crate) fn open(state: &Path) -> Result<Self> {
        Self::with_segment_size(state, SEGMENT_BYTES_MAX)
    }

    fn with_segment_size(state: &Path, segment_bytes_max: u64) -> Result<Self> {
        let ledger = Self {
            current: state.join("ledger.current"),
            previous: state.join("ledger.previous"),
            next: state.join("ledger.next"),
            lock: state.join("ledger.lock"),
            index: Mutex::new(Index::default()),
            segment_bytes_max,
        };
        ledger.synced(|_| Ok(()))?;
        Ok(ledger)
    }

    /// Looks a call up.
    pub(crate) fn look_up(&self, key: &CallKey) -> Result<Known> {
        self.synced(|index| {
            let Some(entry) = index.entries.get(&key.id) else {
                return Ok(Known::Nothing);
            };
            if entry.arguments != key.arguments {
                return Ok(Known::OtherArguments);
            }
            Ok(match &entry.slot {
                Slot::Forgotten => Known::Forgotten,
                Slot::Intended(spot) => Known::Intended(self.load(index, *spot)?),
                Slot::Applied(spot) => Known::Applied(self.load(index, *spot)?),
                Slot::Answered(spot) => Known::Answered(Box::new(self.load(index, *spot)?)),
            })
        })
    }

    /// Every write that was intended and not completed.
    pub(crate) fn unfinished_writes(&self) -> Result<Vec<(CallKey, Intent)>> {
        self.synced(|index| {
            let mut found = Vec::new();
            for (id, entry) in &index.entries {
                if let Slot::Intended(spot) = entry.slot {
                    let intent: Intent = self.load(index, spot)?;
                    if matches!(intent, Intent::Write { .. }) {
                        found.push((
                            CallKey {
                                id: id.clone(),
                                arguments: entry.arguments.clone(),
                            },
                            intent,
                        ));
                    }
                }
            }
            Ok(found)
        })
    }

    pub(crate) fn intend(&self, key: &CallKey, intent: &Intent) -> Result<()> {
        self.append(key, Kind::Intent, &to_json(intent)?)
    }

    pub(crate) fn applied(&self, key: &CallKey, intent: &Intent) -> Result<()> {
        self.append(key, Kind::Applied, &to_json(intent)?)
    }

    pub(crate) fn answer(&self, key: &CallKey, outcome: &ToolOutcome) -> Result<()> {
        self.append(key, Kind::Outcome, &to_json(outcome)?)
    }

    fn append(&self, key: &CallKey, kind: Kind, json: &str) -> Result<()> {
        self.synced(|index| {
            self.append_line(
                index,
                &Line {
                    kind,
                    id: &key.id,
                    arguments: &key.arguments,
                    json,
                },
            )?;
            if index.end > self.segment_bytes_max {
                self.rotate(index)?;
            }
            Ok(())
        })
    }

    fn append_line(&self, index: &mut Index, line: &Line<'_>) -> Result<()> {
        let failed = |error| Error::io(format!("writing {}", self.current.display()), error);
        let text = line.encode();
        let file = index.current()?;
        let written = file
            .write_all_at(text.as_bytes(), index.end)
            .and_then(|()| file.sync_data());
        if let Err(error) = written {
            // what was not acknowledged must not be found later
            file.set_len(index.end).ok();
            return Err(failed(error));
        }
        index.note(line, text.len());
        Ok(())
    }

    /// Starts a new segment; calls of the oldest are remembered by id only.
    ///
    /// The new file is whole before it takes the old one's place, so no crash loses an id.
    fn rotate(&self, index: &mut Index) -> Result<()> {
        let failed = |error| Error::io(format!("rotating {}", self.current.display()), error);
        let forgotten: String = index
            .age(FORGOTTEN_CALLS_MAX)
            .iter()
            .map(|(id, arguments)| {
                Line {
                    kind: Kind::Forgotten,
                    id,
                    arguments,
                    json: "{}",
                }
                .encode()
            })
            .collect();
        let mut next = File::create(&self.next).map_err(failed)?;
        next.write_all(forgotten.as_bytes())
            .and_then(|()| next.sync_all())
            .map_err(failed)?;
        std::fs::rename(&self.current, &self.previous).map_err(failed)?;
        std::fs::rename(&self.next, &self.current).map_err(failed)?;
        sync_directory(&self.current)?;
        index.open_current(&self.current)?;
        self.scan(index, false)
    }

    fn load<T: serde::de::DeserializeOwned>(&self, index: &Index, spot: Spot) -> Result<T> {
        let damaged = || Error::LedgerDamaged {
            file: self.current.display().to_string(),
            offset: spot.offset,
        };
        let mut bytes = vec![0; spot.length];
        index
            .file(spot)?
            .read_exact_at(&mut bytes, spot.offset)
            .map_err(|error| Error::io("reading the ledger", error))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        let line = Line::decode(text).ok_or_else(damaged)?;
        serde_json::from_str(line.json).map_err(|_| damaged())
    }

    /// Runs with the lock held and the index level with the files.
    fn synced<T>(&self, work: impl FnOnce(&mut Index) -> Result<T>) -> Result<T> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = Lock::wait(&self.lock)?;
        if !index.is_of(&self.current) {
            *index = Index::default();
            if !self.current.exists() && self.next.exists() {
                // a rotation died between its two renames
                std::fs::rename(&self.next, &self.current).map_err(|error| {
                    Error::io(format!("rotating {}", self.current.display()), error)
                })?;
            }
            if self.previous.exists() {
                index.open_previous(&self.previous)?;
                self.scan(&mut index, true)?;
                index.age_files_only();
            }
            let fresh = !self.current.exists();
            index.open_current(&self.current)?;
            if fresh {
                sync_directory(&self.current)?;
            }
        }
        self.scan(&mut index, false)?;
        work(&mut index)
    }

    /// Reads the lines that the index has not seen yet.
    fn scan(&self, index: &mut Index, previous: bool) -> Result<()> {
        let path = if previous {
            &self.previous
        } else {
            &self.current
        };
        let failed = |error| Error::io(format!("reading {}", path.display()), error);
        let mut file: &File = if previous {
            index.previous()?
        } else {
            index.current()?
        };
        let length = file.metadata().map_err(failed)?.size();
        if length <= index.end {
            return Ok(());
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(index.end)).map_err(failed)?;
        file.read_to_end(&mut bytes).map_err(failed)?;
        let mut done = 0;
        while done < bytes.len() {
            let end = bytes[done..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map(|at| done + at + 1);
            let line = end
                .and_then(|end| std::str::from_utf8(&bytes[done..end]).ok())
                .and_then(Line::decode);
            let (Some(line), Some(end)) = (line, end) else {
                let offset = index.end;
                if end.is_some_and(|end| end < bytes.len()) {
                    return Err(Error::LedgerDamaged {
                        file: path.display().to_string(),
                        offset,
                    });
                }
                // the last line was being written when its writer died: it was never acknowledged
                tracing::warn!(offset, "unfinished last line of the ledger is cut");
                let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
                file.set_len(offset)
                    .and_then(|()| file.sync_data())
                    .map_err(failed)?;
                break;
            };
            index.note(&line, end - done);
            done = end;
        }
        Ok(())
    }
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::io("encoding a ledger line", std::io::Error::other(error)))
}

fn sync_directory(file: &Path) -> Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Error::io(format!("syncing {}", directory.display()), error))
}

impl Index {
    fn remember(&mut self, line: &Line<'_>, slot: Slot) {
        self.entries.insert(
            line.id.to_owned(),
            Entry {
                arguments: line.arguments.to_owned(),
                slot,
            },
        );
    }
}

#[cfg(test)]
mod tests;
