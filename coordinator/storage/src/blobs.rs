//! Large values, each in a file named by its BLAKE3 hash.
//!
//! A blob is durable when [`BlobStore::put`] returns, so an entry may name it from then on. It is checked against its
//! name on every read. Storing the same bytes again costs one lookup.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    Error,
    datadir::{Held, sync_directory, write_durably},
    metrics as names,
};

/// Largest blob, in bytes before compression.
pub const MAX_BLOB_BYTES: usize = 64 << 20;
const ZSTD_LEVEL: i32 = 3;
/// Where blobs are written before they get their names.
const UNFINISHED: &str = "unfinished";

/// BLAKE3 hash of a blob's plain bytes; its address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash(pub [u8; 32]);

impl BlobHash {
    /// Computes the address of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}

/// The blobs of a node. Every call touches the disk: use a blocking thread.
pub struct BlobStore {
    directory: PathBuf,
    next_temporary: AtomicU64,
    _held: Option<Arc<Held>>,
}

impl BlobStore {
    /// Opens or makes the store and removes what an interrupted write left.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] or [`Error::Io`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let io = |e: &io::Error| Error::from_io(directory, e);
        let unfinished = directory.join(UNFINISHED);
        fs::create_dir_all(&unfinished).map_err(|e| io(&e))?;
        for entry in fs::read_dir(&unfinished).map_err(|e| io(&e))? {
            fs::remove_file(entry.map_err(|e| io(&e))?.path()).map_err(|e| io(&e))?;
        }
        sync_directory(directory)?;
        Ok(Self {
            directory: directory.to_path_buf(),
            next_temporary: AtomicU64::new(0),
            _held: None,
        })
    }

    /// Keeps the data directory locked as long as this store is open.
    pub(crate) fn holding(mut self, held: Arc<Held>) -> Self {
        self._held = Some(held);
        self
    }

    /// Stores `bytes` durably and returns their address.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above [`MAX_BLOB_BYTES`], [`Error::DiskFull`] or [`Error::Io`].
    pub fn put(&self, bytes: &[u8]) -> Result<BlobHash, Error> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(Error::TooLarge {
                what: "a blob",
                size: bytes.len(),
                limit: MAX_BLOB_BYTES,
            });
        }
        let hash = BlobHash::of(bytes);
        // A damaged copy is replaced, not trusted.
        if self.get(hash).is_ok() {
            return Ok(hash);
        }
        let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL)
            .map_err(|e| Error::from_io(&self.directory, &e))?;
        let place = self.place(hash);
        self.ensure_parent(&place)?;
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        write_durably(
            &place,
            &self.directory.join(UNFINISHED).join(number.to_string()),
            &packed,
        )?;
        metrics::counter!(names::BLOBS_WRITTEN_TOTAL).increment(1);
        Ok(hash)
    }

    /// Reads the blob at `hash` and checks it.
    ///
    /// # Errors
    /// [`Error::BlobMissing`], [`Error::Damaged`] when the bytes do not match their address, or [`Error::Io`].
    pub fn get(&self, hash: BlobHash) -> Result<Vec<u8>, Error> {
        let packed = fs::read(self.place(hash)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::BlobMissing {
                hash: hash.to_string(),
            },
            _ => Error::from_io(&self.directory, &e),
        })?;
        let plain = unpack(&packed).filter(|plain| BlobHash::of(plain) == hash);
        plain.ok_or_else(|| Error::Damaged {
            what: format!("blob {hash}"),
        })
    }

    fn place(&self, hash: BlobHash) -> PathBuf {
        self.directory
            .join(format!("{:02x}", hash.0[0]))
            .join(format!("{hash}.zst"))
    }

    fn ensure_parent(&self, place: &Path) -> Result<(), Error> {
        match place.parent() {
            Some(parent) if !parent.exists() => {
                fs::create_dir_all(parent).map_err(|e| Error::from_io(&self.directory, &e))?;
                sync_directory(&self.directory)
            }
            _ => Ok(()),
        }
    }
}

/// Expands a blob as it comes, so that damage cannot ask for more memory than a blob may have.
fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    zstd::stream::Decoder::new(packed)
        .ok()?
        .take(MAX_BLOB_BYTES as u64 + 1)
        .read_to_end(&mut plain)
        .ok()?;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, BlobStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        (dir, store)
    }

    #[test]
    fn round_trip_and_reopen() {
        let (dir, store) = store();
        for bytes in [Vec::new(), b"x".to_vec(), vec![7; 3 << 20]] {
            let hash = store.put(&bytes).unwrap();
            assert_eq!(store.put(&bytes).unwrap(), hash);
            assert_eq!(
                BlobStore::open(dir.path()).unwrap().get(hash).unwrap(),
                bytes
            );
        }
    }

    #[test]
    fn damage_is_found_and_healed_by_a_new_put() {
        let (_dir, store) = store();
        let hash = store.put(b"some text worth keeping").unwrap();
        let file = store.place(hash);
        let sound = fs::read(&file).unwrap();
        for bit in 0..sound.len() * 8 {
            let mut flipped = sound.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, &flipped).unwrap();
            match store.get(hash) {
                // A few header bits of zstd carry no meaning: then the content is still the right one.
                Ok(plain) => assert_eq!(plain, b"some text worth keeping"),
                Err(error) => assert!(matches!(error, Error::Damaged { .. }), "bit {bit}: {error}"),
            }
        }
        fs::write(&file, b"rubbish").unwrap();
        assert!(matches!(store.get(hash), Err(Error::Damaged { .. })));
        store.put(b"some text worth keeping").unwrap();
        assert_eq!(store.get(hash).unwrap(), b"some text worth keeping");
    }

    #[test]
    fn missing_and_oversized_are_named() {
        let (_dir, store) = store();
        assert!(matches!(
            store.get(BlobHash([9; 32])),
            Err(Error::BlobMissing { .. })
        ));
        let big = vec![0; MAX_BLOB_BYTES + 1];
        assert!(matches!(store.put(&big), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn interrupted_writes_are_removed_at_open() {
        let (dir, _) = store();
        let left = dir.path().join(UNFINISHED).join("3");
        fs::write(&left, b"half").unwrap();
        BlobStore::open(dir.path()).unwrap();
        assert!(!left.exists());
    }
}
