//! What a node keeps on disk: one fsynced log for all groups, the state of each replica, blobs, and the disk's marker.
//!
//! Everything here blocks on the disk: call it from a blocking thread, except [`LogStore`]'s writes, which only queue.
//! Each store is a trait with a RocksDB and a simulated

pub mod blobs;
mod clock;
pub mod datadir;
mod engine;
mod error;
pub mod log;
pub mod metrics;
pub mod state;

pub use blobs::{BlobHash, BlobStore, MAX_BLOB_BYTES};
pub use datadir::{DataDir, Marker};
pub use engine::EngineLimits;
pub use error::Error;
pub use log::{Done, EntryKind, GroupId, LogBounds, LogEntry, LogId, LogStore, Vote};
pub use state::{Lookup, Pair, Replica, StateChange, StateStore};
