//! Large contents of a session: compressed, sealed, and kept in the cluster's blob store.
//!
//! A blob's address is the hash of its sealed bytes and says nothing of the text. The place inside the
//! session is the hash of the plain text, so one blob serves every event with that content.

use crate::error::Error;
use crate::key_ring::SessionKeys;
use crate::metrics as names;
use crate::sealed_event::{Address, Moved, hex};
use aiex_coordinator::{BlobHash, Blobs, Handle, MAX_BLOB_BYTES};
use aiex_session::SessionId;
use bytes::Bytes;
use std::sync::Arc;

const ZSTD_LEVEL: i32 = 3;
/// Most contents whose address is remembered: what an edit wrote is what the next one replaces.
const REMEMBERED_MAX: u64 = 10_000;

/// Puts and gets sealed contents.
#[derive(Debug)]
pub(crate) struct SealedBlobs {
    addresses: moka::sync::Cache<(SessionId, [u8; 32]), Address>,
}

impl SealedBlobs {
    pub(crate) fn new() -> Self {
        Self {
            addresses: moka::sync::Cache::new(REMEMBERED_MAX),
        }
    }

    /// Stores a text durably and tells where it is.
    pub(crate) async fn put_text(
        &self,
        handle: &Handle,
        keys: &Arc<SessionKeys>,
        text: String,
    ) -> Result<Moved, Error> {
        let plain = *blake3::hash(text.as_bytes()).as_bytes();
        let remembered = (keys.session(), plain);
        if let Some(address) = self.addresses.get(&remembered) {
            return Ok(Moved { plain, address });
        }
        metrics::counter!(names::BLOB_BYTES_TOTAL).increment(text.len() as u64);
        let sealer = Arc::clone(keys);
        let sealed = blocking(move || seal_text(&sealer, &plain, &text)).await??;
        let address = put_sealed(&handle.blobs()?, sealed).await?;
        self.addresses.insert(remembered, address);
        Ok(Moved { plain, address })
    }
}

/// Stores bytes that are sealed already.
pub(crate) async fn put_sealed(blobs: &Blobs, sealed: Vec<u8>) -> Result<Address, Error> {
    Ok(blobs.put(Bytes::from(sealed)).await?.0)
}

/// Reads sealed bytes back.
pub(crate) async fn get_sealed(blobs: &Blobs, address: Address) -> Result<Vec<u8>, Error> {
    Ok(blobs.get(BlobHash(address)).await?)
}

/// Reads a text back and checks that it is the one that was stored.
pub(crate) async fn get_text(
    blobs: &Blobs,
    keys: &Arc<SessionKeys>,
    moved: Moved,
) -> Result<String, Error> {
    let sealed = get_sealed(blobs, moved.address).await?;
    let keys = Arc::clone(keys);
    blocking(move || open_text(&keys, &moved.plain, &sealed)).await?
}

fn seal_text(keys: &SessionKeys, plain: &[u8; 32], text: &str) -> Result<Vec<u8>, Error> {
    let packed = zstd::bulk::compress(text.as_bytes(), ZSTD_LEVEL);
    let packed = packed.map_err(|error| Error::Seal(error.to_string()))?;
    keys.seal(&place(plain), &packed)
}

fn open_text(keys: &SessionKeys, plain: &[u8; 32], sealed: &[u8]) -> Result<String, Error> {
    let what = || format!("content {}", hex(plain));
    let damaged = |reason: String| Error::damaged(keys.session(), what(), reason);
    let packed = keys
        .open(&place(plain), sealed)
        .map_err(|e| damaged(e.to_string()))?;
    let bytes =
        zstd::bulk::decompress(&packed, MAX_BLOB_BYTES).map_err(|e| damaged(e.to_string()))?;
    if blake3::hash(&bytes) != *plain {
        return Err(damaged("it is another content".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))
}

fn place(plain: &[u8; 32]) -> Vec<u8> {
    [b"content".as_slice(), plain].concat()
}

/// Runs work that takes a processor for a while away from the async workers.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Task(error.to_string()))
}
