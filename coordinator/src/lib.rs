//! The cluster side of a node behind one door: sharded, replicated, durable bytes.
//!
//! [`Coordinator::start`] opens the data directory and starts the metadata group and every shard group; the cheap
//! [`Handle`] proposes, reads, stores blobs and keeps the registry. What the bytes mean is the business of the
//! [`ShardMachine`] given at the start: this crate knows no session and no model.

mod blobs;
mod config;
mod coordinator;
mod error;
mod handle;
mod metadata;
mod registry;

pub use aiex_consensus::{IN_FLIGHT_BYTES, MAX_ENTRY_BYTES, ShardMachine, StateReader, StateTx};
pub use aiex_placement::{NodeId, PlacementTable, ShardId};
pub use aiex_storage::{BlobHash, EngineLimits, MAX_BLOB_BYTES};

pub use blobs::Blobs;
pub use config::Config;
pub use coordinator::Coordinator;
pub use error::Error;
pub use handle::{Handle, ShardStatus};
pub use metadata::{
    MAX_REGISTRY_KEY_BYTES, MAX_REGISTRY_VALUE_BYTES, REGISTRY_ENTRIES_PER_NAMESPACE, RegistryEntry,
};

/// Names of the metrics of the cluster side.
pub mod metrics {
    pub use aiex_consensus::metrics::*;
    pub use aiex_storage::metrics::*;
}
