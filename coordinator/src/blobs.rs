//! Large values, off the async workers.

use std::sync::Arc;

use aiex_storage::{BlobHash, BlobStore};
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::{Error, coordinator::blocking};

/// Blob operations that run at once; more wait.
const AT_ONCE: usize = 8;

/// The blobs of the cluster, as this node reaches them. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<BlobStore>,
    turns: Arc<Semaphore>,
}

impl Blobs {
    pub(crate) fn new(store: Arc<BlobStore>) -> Self {
        Self {
            store,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Stores `bytes` and returns their address. When it returns they are on disk, so an entry may name them.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above [`crate::MAX_BLOB_BYTES`], [`Error::Storage`] when the disk fails or is full.
    pub async fn put(&self, bytes: Bytes) -> Result<BlobHash, Error> {
        self.run(move |store| store.put(&bytes)).await
    }

    /// Reads the blob at `hash`, checked against it.
    ///
    /// # Errors
    /// [`Error::BlobMissing`], [`Error::Damaged`] or [`Error::Storage`].
    pub async fn get(&self, hash: BlobHash) -> Result<Vec<u8>, Error> {
        self.run(move |store| store.get(hash)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&BlobStore) -> Result<T, aiex_storage::Error> + Send + 'static,
    ) -> Result<T, Error> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let store = Arc::clone(&self.store);
        Ok(blocking(move || work(&store)).await??)
    }
}
