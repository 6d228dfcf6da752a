//! The replicated log of all groups of one node: types and the [`LogStore`] trait.
//!
//! One writer thread takes the writes of every group in order and makes them durable with one sync per round. A write
//! never waits for a timer: a round takes what arrived while the last one was syncing.

mod medium;
mod memory;
mod ordered;
mod record;
mod recover;
mod rocks;
mod sim;
mod witness;
mod writer;

use std::{fmt, ops::Range};

use bytes::Bytes;

use crate::Error;

pub use medium::{Change, LogMedium, Space, Visit};
pub use ordered::{LogConfig, OrderedLog};
pub use rocks::{RocksLog, RocksMedium};
pub use sim::{Fault, SimDisk, SimLog};
pub use witness::{FileWitness, Witness};

/// Names a Raft group within the node's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}", self.0)
    }
}

/// Position of an entry: who proposed it in which term, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// Term of the leader that proposed the entry.
    pub term: u64,
    /// Node id of that leader.
    pub leader: u64,
    /// Place in the log, counted from 0 without gaps.
    pub index: u64,
}

/// The right to lead a term, granted by this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The term.
    pub term: u64,
    /// The candidate or leader.
    pub node: u64,
    /// Whether a quorum granted it.
    pub committed: bool,
}

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Nothing; a new leader begins with one.
    Blank,
    /// Opaque bytes for the state machine.
    Normal,
    /// An encoded membership.
    Membership,
}

/// One entry of a group's log. Cloning shares the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its position.
    pub id: LogId,
    /// What it holds.
    pub kind: EntryKind,
    /// The content, empty for [`EntryKind::Blank`].
    pub payload: Bytes,
}

/// The ends of a group's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// Last entry that was purged after it was applied and flushed.
    pub purged: Option<LogId>,
    /// Last entry; equal to `purged` when the log holds none.
    pub last: Option<LogId>,
}

/// Called once, when a write is durable or has failed; runs on the writer's thread and must not block.
pub type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// The log of all groups of a node.
///
/// Writes of one group take effect in call order and are visible to readers at once; `done` says when they are durable.
/// Writes only queue, so an async thread may call them. Reads of entries may touch the disk: use a blocking thread.
/// After the first failed write every later one fails with [`Error::LogClosed`]; only a restart heals.
pub trait LogStore: Send + Sync + 'static {
    /// Appends `entries`, which continue the log of `group` without a gap.
    fn append(&self, group: GroupId, entries: Vec<LogEntry>, done: Done);

    /// Saves the vote of `group`, ordered with its appends.
    fn save_vote(&self, group: GroupId, vote: Vote, done: Done);

    /// Notes how far `group` is committed; becomes durable with some later round and never waits.
    fn save_committed(&self, group: GroupId, committed: LogId);

    /// Removes all entries after `last`; all of them when `None`.
    fn truncate_after(&self, group: GroupId, last: Option<LogId>, done: Done);

    /// Removes all entries up to and including `upto`, which may lie beyond the end of the log.
    fn purge(&self, group: GroupId, upto: LogId, done: Done);

    /// Reads the entries of `range` that exist, from the start, at most `max_bytes` of payload but at least one entry.
    ///
    /// # Errors
    /// [`Error::Damaged`] when an entry fails its checksum, [`Error::Io`] when the disk fails.
    fn entries(
        &self,
        group: GroupId,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, Error>;

    /// Returns whether all of `range` that exists can be read without touching the disk.
    fn in_memory(&self, group: GroupId, range: Range<u64>) -> bool;

    /// Returns the ends of the log of `group`.
    fn bounds(&self, group: GroupId) -> LogBounds;

    /// Returns the vote saved last.
    fn vote(&self, group: GroupId) -> Option<Vote>;

    /// Returns the commit position noted last.
    fn committed(&self, group: GroupId) -> Option<LogId>;

    /// Writes out what is queued, syncs and stops; later writes fail with [`Error::LogClosed`]. Blocks.
    ///
    /// # Errors
    /// The failure that closed the log earlier, or that of the last sync.
    fn close(&self) -> Result<(), Error>;
}
