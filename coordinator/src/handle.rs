//! The cheap handle through which the rest of the node uses the cluster side.

use std::sync::{Arc, PoisonError, RwLock};

use aiex_consensus::{Group, StateReader};
use aiex_placement::{NodeId, PlacementTable, ShardId};
use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{Error, blobs::Blobs};

/// Proposes, reads and looks around. Clones are the same node; after a shutdown everything answers
/// [`Error::Unavailable`].
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    node: NodeId,
    cluster: Uuid,
    table: PlacementTable,
    // Taken at shutdown, so that a handle kept somewhere does not keep the databases open.
    open: RwLock<Option<Arc<Open>>>,
}

/// What is open while the node runs.
pub(crate) struct Open {
    pub(crate) metadata: Arc<Group>,
    pub(crate) shards: Vec<Arc<Group>>,
    pub(crate) blobs: Blobs,
}

/// How a shard stands, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardStatus {
    /// Which shard; `None` for the metadata group.
    pub shard: Option<ShardId>,
    /// Who leads it.
    pub leader: Option<NodeId>,
    /// Nodes that vote in it.
    pub replicas: Vec<NodeId>,
    /// Index of its last entry on this node.
    pub last_log_index: u64,
    /// Index applied last on this node.
    pub applied_index: u64,
    /// Current term.
    pub term: u64,
    /// Why it stopped on this node, if it did.
    pub failure: Option<String>,
}

impl Handle {
    pub(crate) fn new(node: NodeId, cluster: Uuid, table: PlacementTable, open: Open) -> Self {
        Self {
            inner: Arc::new(Inner {
                node,
                cluster,
                table,
                open: RwLock::new(Some(Arc::new(open))),
            }),
        }
    }

    /// Returns this node's id.
    pub fn node_id(&self) -> NodeId {
        self.inner.node
    }

    /// Returns the id of the cluster, chosen when it was founded.
    pub fn cluster_id(&self) -> Uuid {
        self.inner.cluster
    }

    /// Returns the committed placement table.
    pub fn table(&self) -> &PlacementTable {
        &self.inner.table
    }

    /// Returns the shard that owns `key`.
    pub fn shard_of(&self, key: &[u8]) -> ShardId {
        self.inner.table.shard_of(key)
    }

    /// Replicates `entry` on `shard` and returns what the machine answered. When it returns, the entry is on disk on a
    /// quorum and applied here.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Overloaded`], [`Error::NotLeader`]: nothing was written.
    /// [`Error::OutcomeUnknown`], [`Error::Storage`]: the entry may or may not take effect.
    pub async fn propose(&self, shard: ShardId, entry: Bytes) -> Result<Bytes, Error> {
        Ok(self.group(shard)?.propose(entry).await?)
    }

    /// Runs `read` on a state of `shard` that shows every write acknowledged before the call. Runs on a blocking thread.
    ///
    /// # Errors
    /// [`Error::NotLeader`], [`Error::Unavailable`], or [`Error::Storage`] when the disk failed under `read`.
    pub async fn read<R, F>(&self, shard: ShardId, read: F) -> Result<R, Error>
    where
        F: FnOnce(&dyn StateReader) -> R + Send + 'static,
        R: Send + 'static,
    {
        Ok(self.group(shard)?.read(read).await?)
    }

    /// Follows the index applied last on this node, so that a reader can wait for news. Ends with the node.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a shard that is not on this node.
    pub fn applied(&self, shard: ShardId) -> Result<watch::Receiver<u64>, Error> {
        Ok(self.group(shard)?.applied())
    }

    /// Returns the blobs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the node is stopping.
    pub fn blobs(&self) -> Result<Blobs, Error> {
        Ok(self.open()?.blobs.clone())
    }

    /// Returns how every group on this node stands, the metadata group first; empty when the node is stopping.
    pub fn status(&self) -> Vec<ShardStatus> {
        let Ok(open) = self.open() else {
            return Vec::new();
        };
        let shards = open
            .shards
            .iter()
            .enumerate()
            .map(|(i, group)| (Some(ShardId(i as u16)), group));
        let all = [(None, &open.metadata)].into_iter().chain(shards);
        all.map(|(shard, group)| {
            let s = group.status();
            ShardStatus {
                shard,
                leader: s.leader,
                replicas: s.voters,
                last_log_index: s.last_log_index,
                applied_index: s.applied_index,
                term: s.term,
                failure: s.failure,
            }
        })
        .collect()
    }

    /// Flushes the state of `shard`, so that a restart replays nothing before now.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::Storage`].
    pub async fn snapshot(&self, shard: ShardId) -> Result<(), Error> {
        Ok(self.group(shard)?.snapshot().await?)
    }

    pub(crate) fn metadata(&self) -> Result<Arc<Group>, Error> {
        Ok(Arc::clone(&self.open()?.metadata))
    }

    /// Refuses everything from now on, and returns what was open, once.
    pub(crate) fn close(&self) -> Option<Arc<Open>> {
        self.inner
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn group(&self, shard: ShardId) -> Result<Arc<Group>, Error> {
        let unknown = || Error::Unavailable {
            reason: format!("shard {shard} is not on this node"),
        };
        self.open()?
            .shards
            .get(usize::from(shard.0))
            .cloned()
            .ok_or_else(unknown)
    }

    fn open(&self) -> Result<Arc<Open>, Error> {
        let open = self
            .inner
            .open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        open.ok_or_else(|| Error::Unavailable {
            reason: "the node is stopping".to_owned(),
        })
    }
}
