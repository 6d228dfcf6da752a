//! Texts by their hash, kept in the state directory: what the caller last saw, and what a change wrote.
//!
//! Two uses: the base of a three-way merge when a file moved on, and the redo copy of an interrupted
//! write. A missing text is never an error for the first use.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    digest::{content_hash, is_hash, parts_hash},
    error::{Error, Result},
};

/// Bytes kept before the oldest texts are dropped, when the store is opened.
pub(crate) const CONTENT_BYTES_MAX: u64 = 64 << 20;

/// Whether a text must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Durably,
    IfPossible,
}

#[derive(Debug)]
pub(crate) struct Contents {
    texts: PathBuf,
    seen: PathBuf,
}

impl Contents {
    pub(crate) fn open(state: &Path) -> Result<Self> {
        let contents = Self {
            texts: state.join("contents"),
            seen: state.join("seen"),
        };
        for directory in [&contents.texts, &contents.seen] {
            fs::create_dir_all(directory)
                .map_err(|error| Error::io(format!("creating {}", directory.display()), error))?;
        }
        contents.evict();
        Ok(contents)
    }

    /// Keeps a text and gives its hash.
    pub(crate) fn put(&self, text: &str, keep: Keep) -> Result<String> {
        let hash = content_hash(text);
        let place = self.texts.join(&hash);
        if place.exists() && keep == Keep::IfPossible {
            return Ok(hash);
        }
        let failed =
            |error| Error::io(format!("keeping a text in {}", self.texts.display()), error);
        write_whole(&self.texts, &place, text.as_bytes(), keep).map_err(failed)?;
        Ok(hash)
    }

    /// Gives the text of a hash, checked; `None` when it is not kept or was damaged.
    pub(crate) fn get(&self, hash: &str) -> Option<String> {
        if !is_hash(hash) {
            return None;
        }
        let text = fs::read_to_string(self.texts.join(hash)).ok()?;
        (content_hash(&text) == hash).then_some(text)
    }

    /// Remembers which version of a file the caller saw last.
    pub(crate) fn saw(&self, path: &str, text: &str) {
        let remembered = self.put(text, Keep::IfPossible).and_then(|hash| {
            write_whole(
                &self.seen,
                &self.seen_file(path),
                hash.as_bytes(),
                Keep::IfPossible,
            )
            .map_err(|error| Error::io("remembering a version", error))
        });
        if let Err(error) = remembered {
            // merging is then not possible for this file; everything else is
            tracing::warn!(%error, "version seen was not kept");
        }
    }

    /// The text of `path` the caller saw last.
    pub(crate) fn last_seen(&self, path: &str) -> Option<String> {
        self.get(fs::read_to_string(self.seen_file(path)).ok()?.trim())
    }

    fn seen_file(&self, path: &str) -> PathBuf {
        self.seen.join(&parts_hash(&[path])[..32])
    }

    fn evict(&self) {
        let Ok(entries) = fs::read_dir(&self.texts) else {
            return;
        };
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let meta = entry.metadata().ok()?;
                Some((meta.modified().ok()?, meta.len(), entry.path()))
            })
            .collect();
        let mut total: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
        kept.sort();
        for (_, bytes, path) in kept {
            if total <= CONTENT_BYTES_MAX {
                break;
            }
            fs::remove_file(path).ok();
            total -= bytes;
        }
    }
}

/// Writes beside the place and renames, so that no reader meets a part of a text.
fn write_whole(directory: &Path, place: &Path, bytes: &[u8], keep: Keep) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    if keep == Keep::Durably {
        file.as_file().sync_all()?;
    }
    file.persist(place).map_err(|error| error.error)?;
    if keep == Keep::Durably {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_by_hash_and_notices_damage() {
        let state = tempfile::tempdir().unwrap();
        let contents = Contents::open(state.path()).unwrap();
        let hash = contents.put("text", Keep::Durably).unwrap();
        contents.saw("lib/a.ex", "older");
        assert_eq!(contents.get(&hash).as_deref(), Some("text"));
        assert_eq!(contents.last_seen("lib/a.ex").as_deref(), Some("older"));
        assert_eq!(contents.last_seen("lib/b.ex"), None);
        assert_eq!(contents.get("../../etc/passwd"), None);
        fs::write(state.path().join("contents").join(&hash), "texx").unwrap();
        assert_eq!(contents.get(&hash), None);
        assert_eq!(contents.put("text", Keep::Durably).unwrap(), hash);
        assert_eq!(
            contents.get(&hash).as_deref(),
            Some("text"),
            "a durable put repairs"
        );
    }

    #[test]
    fn drops_the_oldest_above_the_limit() {
        let state = tempfile::tempdir().unwrap();
        let contents = Contents::open(state.path()).unwrap();
        let first = contents
            .put(&"a".repeat(3 << 20), Keep::IfPossible)
            .unwrap();
        let file = fs::File::options()
            .write(true)
            .open(contents.texts.join(&first))
            .unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let mut last = String::new();
        for letter in 0..21u8 {
            last = contents
                .put(
                    &format!("{letter}{}", "b".repeat(3 << 20)),
                    Keep::IfPossible,
                )
                .unwrap();
        }
        let contents = Contents::open(state.path()).unwrap();
        assert_eq!(contents.get(&first), None);
        assert!(contents.get(&last).is_some());
    }
}
