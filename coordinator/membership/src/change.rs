//! What readers see: snapshots and the stream of changes.
//!
//! A stream begins with the whole and goes on with changes. A reader that falls too far behind gets the whole again,
//! so it is never wrong for longer than it sleeps, and never holds memory of ours.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aiex_placement::NodeId;
use tokio::sync::broadcast;

use crate::Member;

/// Changes kept for a slow reader before it gets the whole instead.
pub(crate) const CHANGES_KEPT: usize = 256;

/// All members at one moment, this node included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Counts the changes since the start of the service.
    pub revision: u64,
    /// The members by id.
    pub members: BTreeMap<NodeId, Member>,
}

/// A step in what this node sees of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterChange {
    /// Everything, in place of all that was told before: the first item of a stream, and after a gap.
    Resync(Arc<Snapshot>),
    /// A member is there that was not.
    Added(Member),
    /// A member's state, incarnation or facts are others now.
    Updated(Member),
    /// A member was gone for so long that it is forgotten; as it was seen last.
    Removed(Member),
}

impl ClusterChange {
    fn apply(&self, members: &mut BTreeMap<NodeId, Member>) {
        match self {
            Self::Resync(whole) => members.clone_from(&whole.members),
            Self::Added(member) | Self::Updated(member) => {
                members.insert(member.node, member.clone());
            }
            Self::Removed(member) => {
                members.remove(&member.node);
            }
        }
    }
}

/// The one writer of a service and its readers' common ground.
#[derive(Debug)]
pub(crate) struct Publisher {
    current: Mutex<Arc<Snapshot>>,
    sender: broadcast::WeakSender<(u64, ClusterChange)>,
}

impl Publisher {
    /// Makes a publisher; streams end when the sender is dropped.
    pub(crate) fn new() -> (Arc<Self>, broadcast::Sender<(u64, ClusterChange)>) {
        let (sender, _) = broadcast::channel(CHANGES_KEPT);
        let publisher = Self {
            current: Mutex::default(),
            sender: sender.downgrade(),
        };
        (Arc::new(publisher), sender)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Snapshot>> {
        // The value is replaced in one step, so it is whole even if a holder panicked.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.lock())
    }

    pub(crate) fn publish(&self, changes: Vec<ClusterChange>) {
        if changes.is_empty() {
            return;
        }
        let sender = self.sender.upgrade();
        // Held over both, so that a reader's snapshot and its place in the stream agree.
        let mut current = self.lock();
        let mut next = Snapshot::clone(&current);
        for change in changes {
            next.revision += 1;
            change.apply(&mut next.members);
            if let Some(sender) = &sender {
                let _ = sender.send((next.revision, change));
            }
        }
        *current = Arc::new(next);
    }

    pub(crate) fn subscribe(self: &Arc<Self>) -> Changes {
        let current = self.lock();
        Changes {
            receiver: self.sender.upgrade().map(|sender| sender.subscribe()),
            publisher: Arc::clone(self),
            whole: Some(Arc::clone(&current)),
            seen: current.revision,
        }
    }
}

/// A reader of changes; given by [`crate::Handle::subscribe`].
#[derive(Debug)]
pub struct Changes {
    receiver: Option<broadcast::Receiver<(u64, ClusterChange)>>,
    publisher: Arc<Publisher>,
    /// To be told before anything else.
    whole: Option<Arc<Snapshot>>,
    /// Revision of what was told.
    seen: u64,
}

impl Changes {
    /// Waits for the next change; `None` once the service has ended.
    ///
    /// The first is a [`ClusterChange::Resync`] with the members at the moment of subscribing.
    ///
    /// Cancel-safe: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<ClusterChange> {
        loop {
            if let Some(whole) = self.whole.take() {
                return Some(ClusterChange::Resync(whole));
            }
            let receiver = self.receiver.as_mut()?;
            match receiver.recv().await {
                Ok((revision, change)) if revision > self.seen => {
                    self.seen = revision;
                    return Some(change);
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // What still waits is older than the whole that follows.
                    *receiver = receiver.resubscribe();
                    let whole = self.publisher.snapshot();
                    self.seen = whole.revision;
                    self.whole = Some(whole);
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
