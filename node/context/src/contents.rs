//! File contents by their BLAKE3 hash, compressed on disk. Whoever stores a content first stores
//! it for all; a damaged one is dropped when it is read and counts as missing again.

use crate::Error;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A BLAKE3 hash of a file's content.
pub type ContentHash = [u8; 32];

/// Gives the BLAKE3 hash of a content.
pub(crate) fn content_hash(bytes: &[u8]) -> ContentHash {
    *blake3::hash(bytes).as_bytes()
}

/// Gives a hash as 64 hexadecimal digits.
pub(crate) fn hex(hash: &ContentHash) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

/// Reads 64 hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<ContentHash> {
    blake3::Hash::from_hex(text)
        .ok()
        .map(|hash| *hash.as_bytes())
}

/// The largest file that is stored.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

const ZSTD_LEVEL: i32 = 3;

/// A folder of compressed files named by 64 hexadecimal digits, in 256 subfolders.
pub(crate) struct HashFolder {
    root: PathBuf,
    used_bytes: AtomicU64,
    temporary: AtomicU64,
}

impl HashFolder {
    /// Opens or makes the folder and counts what it holds.
    pub(crate) fn open(root: PathBuf) -> Result<Self, Error> {
        for first in 0..=u8::MAX {
            let folder = root.join(format!("{first:02x}"));
            fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        }
        let opened = Self {
            root,
            used_bytes: AtomicU64::new(0),
            temporary: AtomicU64::new(0),
        };
        let mut used = 0;
        opened.for_each_file(|path, size| {
            if path.extension().is_some() {
                // left by a process that was killed while it wrote
                let _ = fs::remove_file(path);
            } else {
                used += size;
            }
        })?;
        opened.used_bytes.store(used, Ordering::Relaxed);
        Ok(opened)
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn contains(&self, name: &ContentHash) -> bool {
        self.path(name).is_file()
    }

    /// Stores bytes under a name, whole or not at all. Not synced: a lost file is sent again.
    pub(crate) fn put(&self, name: &ContentHash, bytes: &[u8]) -> Result<(), Error> {
        if self.contains(name) {
            return Ok(());
        }
        self.replace(name, bytes)
    }

    /// Stores bytes under a name even when it is taken; the file counts as new then.
    pub(crate) fn replace(&self, name: &ContentHash, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        let before = fs::metadata(&path)
            .map(|meta| meta.len())
            .unwrap_or_default();
        let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL).map_err(failed("compress", &path))?;
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{number}", std::process::id()));
        let written = fs::File::create_new(&temporary).and_then(|mut file| file.write_all(&packed));
        let renamed = written.and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = renamed {
            let _ = fs::remove_file(&temporary);
            return Err(failed("write", &path)(error));
        }
        self.used_bytes
            .fetch_add(packed.len() as u64, Ordering::Relaxed);
        self.subtract(before);
        Ok(())
    }

    /// Reads what was stored, at most `limit` bytes of it; `None` when there is nothing readable.
    pub(crate) fn get(&self, name: &ContentHash, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        let packed = match fs::read(&path) {
            Ok(packed) => packed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match zstd::bulk::decompress(&packed, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) => {
                self.remove(name);
                Ok(None)
            }
        }
    }

    /// Drops a file; nothing happens when it is not there.
    pub(crate) fn remove(&self, name: &ContentHash) {
        let path = self.path(name);
        let size = fs::metadata(&path)
            .map(|meta| meta.len())
            .unwrap_or_default();
        if fs::remove_file(&path).is_ok() {
            self.subtract(size);
        }
    }

    fn subtract(&self, size: u64) {
        let minus = |used: u64| Some(used.saturating_sub(size));
        // the closure always gives a value, so the update cannot fail
        let _ = self
            .used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, minus);
    }

    /// Calls `visit` with the path and size of every file.
    pub(crate) fn for_each_file(&self, mut visit: impl FnMut(&Path, u64)) -> Result<(), Error> {
        for first in 0..=u8::MAX {
            let folder = self.root.join(format!("{first:02x}"));
            let entries = fs::read_dir(&folder).map_err(failed("list", &folder))?;
            for entry in entries {
                let entry = entry.map_err(failed("list", &folder))?;
                let size = entry.metadata().map(|meta| meta.len()).unwrap_or_default();
                visit(&entry.path(), size);
            }
        }
        Ok(())
    }

    fn path(&self, name: &ContentHash) -> PathBuf {
        let name = hex(name);
        self.root.join(&name[..2]).join(name)
    }
}

/// The contents of all files of all workspaces.
pub(crate) struct Contents {
    folder: HashFolder,
    limit_bytes: u64,
}

impl Contents {
    pub(crate) fn open(root: PathBuf, limit_bytes: u64) -> Result<Self, Error> {
        Ok(Self {
            folder: HashFolder::open(root)?,
            limit_bytes,
        })
    }

    pub(crate) fn folder(&self) -> &HashFolder {
        &self.folder
    }

    pub(crate) fn contains(&self, hash: &ContentHash) -> bool {
        self.folder.contains(hash)
    }

    /// Stores a content after checking that it is what its hash says.
    pub(crate) fn put(&self, hash: &ContentHash, bytes: &[u8]) -> Result<(), Error> {
        let size_bytes = bytes.len() as u64;
        if size_bytes > FILE_BYTES_MAX {
            return Err(Error::ContentTooLarge {
                size_bytes,
                limit_bytes: FILE_BYTES_MAX,
            });
        }
        if content_hash(bytes) != *hash {
            return Err(Error::HashMismatch);
        }
        let used_bytes = self.folder.used_bytes();
        if used_bytes.saturating_add(size_bytes) > self.limit_bytes {
            return Err(Error::Full {
                used_bytes,
                limit_bytes: self.limit_bytes,
            });
        }
        self.folder.put(hash, bytes)
    }

    /// Reads a content and checks it; a damaged one is dropped and reads as missing.
    pub(crate) fn get(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self.folder.get(hash, FILE_BYTES_MAX)? else {
            return Ok(None);
        };
        if content_hash(&bytes) != *hash {
            tracing::warn!(content = hex(hash), "dropped a damaged content");
            self.folder.remove(hash);
            return Ok(None);
        }
        Ok(Some(bytes))
    }
}

pub(crate) fn failed(verb: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |source| Error::File {
        verb,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_comes_back_and_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let text = "defmodule A do\nend\n".repeat(1_000);
        let hash = content_hash(text.as_bytes());
        let contents = Contents::open(folder.path().into(), 1 << 20).unwrap();
        assert!(!contents.contains(&hash));
        contents.put(&hash, text.as_bytes()).unwrap();
        contents.put(&hash, text.as_bytes()).unwrap();
        let used = contents.folder().used_bytes();
        assert!(used > 0 && used < text.len() as u64 / 10, "{used}");
        let again = Contents::open(folder.path().into(), 1 << 20).unwrap();
        assert_eq!(again.folder().used_bytes(), used);
        assert_eq!(again.get(&hash).unwrap().unwrap(), text.as_bytes());
        again.folder().remove(&hash);
        assert_eq!(again.folder().used_bytes(), 0);
    }

    #[test]
    fn lies_large_files_and_a_full_store_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let contents = Contents::open(folder.path().into(), 100).unwrap();
        let hash = content_hash(b"true");
        assert!(matches!(
            contents.put(&hash, b"lie"),
            Err(Error::HashMismatch)
        ));
        let large = vec![0; FILE_BYTES_MAX as usize + 1];
        let refused = contents.put(&content_hash(&large), &large).unwrap_err();
        assert!(
            matches!(refused, Error::ContentTooLarge { .. }),
            "{refused}"
        );
        let fitting = [7; 101];
        let refused = contents.put(&content_hash(&fitting), &fitting).unwrap_err();
        assert!(matches!(refused, Error::Full { .. }), "{refused}");
    }

    #[test]
    fn damage_on_disk_reads_as_missing_and_heals() {
        let folder = tempfile::tempdir().unwrap();
        let contents = Contents::open(folder.path().into(), 1 << 20).unwrap();
        let hash = content_hash(b"whole");
        let other = zstd::bulk::compress(b"other", 3).unwrap();
        for damage in [&b""[..], b"garbage", &other] {
            contents.put(&hash, b"whole").unwrap();
            fs::write(contents.folder().path(&hash), damage).unwrap();
            assert!(contents.get(&hash).unwrap().is_none());
            assert!(
                !contents.contains(&hash),
                "so that a sync asks for it again"
            );
        }
        contents.put(&hash, b"whole").unwrap();
        assert_eq!(contents.get(&hash).unwrap().unwrap(), b"whole");
    }
}
