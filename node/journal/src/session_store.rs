//! The event store of a node, over the shards of the cluster.
//!
//! Cheap to share behind an `Arc`; it owns no task and ends with its last reference.

mod append;
mod listing;
mod read;

use crate::error::Error;
use crate::key_ring::{KeyRing, SessionKeys};
use crate::metrics as names;
use crate::record_key;
use crate::sealed_blob::SealedBlobs;
use aiex_coordinator::{Handle, ShardId, StateReader};
use aiex_security::MasterKey;
use aiex_session::{
    Append, Appended, EventStore, Recorded, Seq, SessionId, SessionSummary, StoreError, StoreFuture,
};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Locks that order this node's appends without expected number; sessions share them by their id.
const TURNSTILES: usize = 64;
/// Most sessions whose summary is kept at hand.
const KEPT_SUMMARIES_MAX: u64 = 10_000;

/// Keeps sessions in the cluster.
pub struct SessionStore {
    handle: Handle,
    keys: Arc<KeyRing>,
    blobs: SealedBlobs,
    /// Each session's line in a list, as of its `head_seq`.
    summaries: moka::sync::Cache<SessionId, Arc<SessionSummary>>,
    turnstiles: Vec<Mutex<()>>,
}

impl SessionStore {
    /// Stands on the shards behind `handle`, which must run [`crate::SessionMachine`]; `master` wraps
    /// the keys of its sessions and must be the same on every node and after every restart.
    pub fn new(handle: Handle, master: Arc<MasterKey>) -> Self {
        Self {
            handle,
            keys: Arc::new(KeyRing::new(master)),
            blobs: SealedBlobs::new(),
            summaries: moka::sync::Cache::new(KEPT_SUMMARIES_MAX),
            turnstiles: (0..TURNSTILES).map(|_| Mutex::new(())).collect(),
        }
    }

    /// The shard that keeps a session.
    pub fn shard_of(&self, session: SessionId) -> ShardId {
        self.handle.shard_of(session.as_bytes())
    }

    async fn head_of(&self, session: SessionId) -> Result<Seq, Error> {
        let shard = self.shard_of(session);
        let head = self
            .handle
            .read(shard, move |state| stored_head(state, session));
        head.await?
    }

    async fn wait_for_news(&self, session: SessionId, after: Seq) -> Result<Seq, Error> {
        let mut applied = self.handle.applied(self.shard_of(session))?;
        loop {
            // Marked as seen before the look: what is applied during the look wakes us again.
            applied.borrow_and_update();
            let head = self.head_of(session).await?;
            if head > after {
                return Ok(head);
            }
            if applied.changed().await.is_err() {
                let reason = "the node is stopping".to_owned();
                return Err(aiex_coordinator::Error::Unavailable { reason }.into());
            }
        }
    }
}

impl EventStore for SessionStore {
    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        Box::pin(self.append_timed(append))
    }

    fn read(&self, session: SessionId, after: Seq, limit: usize) -> StoreFuture<'_, Vec<Recorded>> {
        Box::pin(async move {
            self.read_events(session, after, limit)
                .await
                .map_err(refused)?
                .ok_or(StoreError::NotFound)
        })
    }

    fn head(&self, session: SessionId) -> StoreFuture<'_, Seq> {
        Box::pin(async move { self.head_of(session).await.map_err(refused) })
    }

    fn wait_beyond(&self, session: SessionId, after: Seq) -> StoreFuture<'_, Seq> {
        Box::pin(async move { self.wait_for_news(session, after).await.map_err(refused) })
    }

    fn list(&self) -> StoreFuture<'_, Vec<(SessionId, Seq)>> {
        Box::pin(async move { self.heads().await.map_err(refused) })
    }

    fn summaries(&self) -> StoreFuture<'_, Vec<(SessionId, SessionSummary)>> {
        Box::pin(async move { self.all_summaries().await.map_err(refused) })
    }
}

/// Shows a failure in the port's terms, and counts damage.
fn refused(error: Error) -> StoreError {
    let error = StoreError::from(error);
    if let StoreError::Damaged(what) = &error {
        metrics::counter!(names::DAMAGED_TOTAL).increment(1);
        tracing::error!(%what, "stored session data cannot be read");
    }
    error
}

fn stored_head(state: &dyn StateReader, session: SessionId) -> Result<Seq, Error> {
    let Some(bytes) = state.get(&record_key::head(session)) else {
        return Ok(0);
    };
    let head: Option<crate::entry::Head> = crate::entry::from_bytes(&bytes);
    let head = head.ok_or_else(|| Error::damaged(session, "the head", "not a head record"))?;
    Ok(head.seq)
}

/// The keys of a session as its shard has them; `None` before its first event.
fn stored_keys(
    state: &dyn StateReader,
    ring: &KeyRing,
    session: SessionId,
) -> Result<Option<Arc<SessionKeys>>, Error> {
    if let Some(keys) = ring.opened(session) {
        return Ok(Some(keys));
    }
    match state.get(&record_key::wrapped_key(session)) {
        Some(record) => ring.open(session, &record).map(Some),
        None if stored_head(state, session)? > 0 => Err(Error::KeyDestroyed { session }),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
