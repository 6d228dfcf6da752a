//! What the consensus library is told about our types.

use std::fmt;

use bytes::Bytes;
use openraft::BasicNode;

/// What one Raft entry carries: the proposals that waited together.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proposals(pub(crate) Vec<Bytes>);

/// The results of one Raft entry, in the order of its proposals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replies(pub(crate) Vec<Bytes>);

impl fmt::Display for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} proposals", self.0.len())
    }
}

// Opaque and perhaps secret: never print the content.
impl fmt::Debug for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Proposals({}, {} bytes)",
            self.0.len(),
            self.0.iter().map(Bytes::len).sum::<usize>()
        )
    }
}

openraft::declare_raft_types!(
    /// The type configuration of every group.
    pub(crate) Types:
        D = Proposals,
        R = Replies,
        NodeId = u64,
        Node = BasicNode,
);

pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type LeaderId = openraft::alias::LeaderIdOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, BasicNode>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<Types, Flushed>;

/// A snapshot: the replica's own column family, flushed up to the snapshot's position. Nothing is copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flushed;
