//! The applied state of each replica: an ordered map with a mark of how far the log was applied.
//!
//! Writes are not synced: the mark is in the same batch, so whatever prefix a crash leaves is consistent, and the log is
//! replayed from its mark. A flush makes everything before it durable, and is all a snapshot needs.

mod rocks;
mod sim;

use std::sync::Arc;

use crate::{Error, GroupId};

pub use rocks::RocksState;
pub use sim::SimState;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// One change of a replica's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// Sets a key.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key.
    Delete(Vec<u8>),
}

/// Reads of a replica's state, or of a view that does not change.
pub trait Lookup: Send + Sync {
    /// Returns the value of `key`.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk fails.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Returns at most `limit` pairs whose keys begin with `prefix` and are not below `from`, in key order.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk fails.
    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error>;
}

/// The state of one group on this node. Every call may touch the disk: use a blocking thread.
pub trait Replica: Lookup {
    /// Applies `changes` and sets the mark, as a whole; readable on return, durable after [`Replica::flush`].
    ///
    /// # Errors
    /// [`Error::DiskFull`] or [`Error::Io`].
    fn write(&self, changes: &[StateChange], mark: &[u8]) -> Result<(), Error>;

    /// Returns the mark set last.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk fails.
    fn mark(&self) -> Result<Option<Vec<u8>>, Error>;

    /// Makes everything written before the call durable.
    ///
    /// # Errors
    /// [`Error::DiskFull`] or [`Error::Io`].
    fn flush(&self) -> Result<(), Error>;

    /// Returns a view of this moment, untouched by later writes.
    fn view(&self) -> Box<dyn Lookup + '_>;
}

/// The state of all replicas of a node.
pub trait StateStore: Send + Sync + 'static {
    /// Opens the replica of `group`, making it when it is not there. A generation replaces an older one as a whole.
    ///
    /// # Errors
    /// [`Error::Quarantined`] when its files are damaged, [`Error::Io`] when the disk fails.
    fn replica(&self, group: GroupId, generation: u32) -> Result<Arc<dyn Replica>, Error>;

    /// Removes a replica and its data; nothing happens when it is not there.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk fails.
    fn remove(&self, group: GroupId, generation: u32) -> Result<(), Error>;
}
