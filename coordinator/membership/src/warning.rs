//! What an operator should know about the gossip, as typed events.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aiex_placement::NodeId;
use tokio::sync::broadcast;

/// Warnings kept for slow and late readers; older ones are lost.
const WARNINGS_KEPT: usize = 64;
/// The same warning is given at most once in this time.
const REPEAT_AFTER: Duration = Duration::from_secs(60);
/// Warnings remembered so that they are not repeated.
const REMEMBERED: usize = 256;

/// Something is wrong that gossip cannot repair by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// Two running processes claim one node id: usually a copied data directory. The higher incarnation wins.
    DuplicateNode {
        /// The id.
        node: NodeId,
        /// True if this process is one of the two.
        local: bool,
        /// Where the claimants are, the winner last.
        addresses: Vec<SocketAddr>,
    },
    /// A node of another cluster talks to this one; it is not let in.
    ForeignCluster {
        /// Who.
        from: SocketAddr,
    },
    /// A peer, probably a seed, belongs to another cluster and refused this node.
    RejectedByPeer {
        /// Who.
        by: SocketAddr,
    },
    /// A node's gossip state lacks required keys, is malformed or too large; the node counts as not live.
    Malformed {
        /// Where it is.
        address: SocketAddr,
    },
    /// The generation file was damaged and was written anew.
    GenerationDamaged,
    /// Peers knew a higher generation of this node than its own; the gossip began again above it.
    Outranked {
        /// The higher generation.
        generation: u64,
    },
    /// The gossip ended by a fault and was started again.
    GossipRestarted,
    /// More nodes are gossiped than are tracked; the newest are not.
    TooManyNodes {
        /// The limit.
        limit: usize,
    },
}

impl Warning {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::DuplicateNode { .. } => "duplicate_node",
            Self::ForeignCluster { .. } => "foreign_cluster",
            Self::RejectedByPeer { .. } => "rejected_by_peer",
            Self::Malformed { .. } => "malformed",
            Self::GenerationDamaged => "generation_damaged",
            Self::Outranked { .. } => "outranked",
            Self::GossipRestarted => "gossip_restarted",
            Self::TooManyNodes { .. } => "too_many_nodes",
        }
    }
}

/// Gives warnings to all readers, the latest also to those that come later.
#[derive(Debug)]
pub(crate) struct WarningBoard {
    latest: Mutex<VecDeque<Warning>>,
    sender: broadcast::WeakSender<Warning>,
}

impl WarningBoard {
    /// Makes a board; readers end when the sender is dropped.
    pub(crate) fn new() -> (Arc<Self>, broadcast::Sender<Warning>) {
        let (sender, _) = broadcast::channel(WARNINGS_KEPT);
        let board = Self {
            latest: Mutex::default(),
            sender: sender.downgrade(),
        };
        (Arc::new(board), sender)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Warning>> {
        // Each holder leaves it whole.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn give(&self, warning: Warning) {
        let mut latest = self.lock();
        if latest.len() >= WARNINGS_KEPT {
            latest.pop_front();
        }
        latest.push_back(warning.clone());
        if let Some(sender) = self.sender.upgrade() {
            let _ = sender.send(warning);
        }
    }

    pub(crate) fn subscribe(&self) -> Warnings {
        let latest = self.lock();
        Warnings {
            earlier: latest.clone(),
            receiver: self.sender.upgrade().map(|sender| sender.subscribe()),
        }
    }
}

/// A reader of warnings; given by [`crate::Handle::warnings`].
#[derive(Debug)]
pub struct Warnings {
    earlier: VecDeque<Warning>,
    receiver: Option<broadcast::Receiver<Warning>>,
}

impl Warnings {
    /// Waits for the next warning, the latest earlier ones first; `None` once the service has ended.
    ///
    /// A reader too slow loses the oldest. Cancel-safe.
    pub async fn next(&mut self) -> Option<Warning> {
        if let Some(warning) = self.earlier.pop_front() {
            return Some(warning);
        }
        loop {
            match self.receiver.as_mut()?.recv().await {
                Ok(warning) => return Some(warning),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Lets a warning through when it was not given lately.
#[derive(Debug, Default)]
pub(crate) struct WarningGate {
    given: BTreeMap<Warning, Duration>,
}

impl WarningGate {
    pub(crate) fn admit(&mut self, now: Duration, warning: &Warning) -> bool {
        self.given
            .retain(|_, at| now.saturating_sub(*at) < REPEAT_AFTER);
        if self.given.contains_key(warning) || self.given.len() >= REMEMBERED {
            return false;
        }
        self.given.insert(warning.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_repeated_only_after_a_while() {
        let mut gate = WarningGate::default();
        let at = Duration::from_secs;
        assert!(gate.admit(at(0), &Warning::GenerationDamaged));
        assert!(!gate.admit(at(59), &Warning::GenerationDamaged));
        assert!(gate.admit(at(59), &Warning::GossipRestarted));
        assert!(gate.admit(at(60), &Warning::GenerationDamaged));
    }

    #[tokio::test]
    async fn late_readers_get_the_latest() {
        let (board, sender) = WarningBoard::new();
        let outranked = |generation| Warning::Outranked { generation };
        for generation in 0..=WARNINGS_KEPT as u64 {
            board.give(outranked(generation));
        }
        let mut late = board.subscribe();
        board.give(Warning::GossipRestarted);
        drop(sender);
        for generation in 1..=WARNINGS_KEPT as u64 {
            assert_eq!(late.next().await, Some(outranked(generation)));
        }
        assert_eq!(late.next().await, Some(Warning::GossipRestarted));
        assert_eq!(late.next().await, None);
    }

    #[test]
    fn a_flood_of_strangers_is_bounded() {
        let mut gate = WarningGate::default();
        let given = (0..10_000u16)
            .filter(|port| {
                let from = ([127, 0, 0, 1], *port).into();
                gate.admit(Duration::ZERO, &Warning::ForeignCluster { from })
            })
            .count();
        assert_eq!(given, REMEMBERED);
    }
}
