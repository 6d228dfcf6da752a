//! The journal: sessions kept by the cluster.
//!
//! [`SessionStore`] is the [`aiex_session::EventStore`] of a node. It seals what a session says, moves
//! large contents to the blob store, and proposes the rest to the session's shard, where
//! [`SessionMachine`] is the only judge of order and repeats.

mod entry;
mod error;
mod key_ring;
#[cfg(test)]
mod map_state;
pub mod metrics;
mod record_key;
mod sealed_blob;
mod sealed_event;
mod session_store;
mod shard_machine;

pub use error::Error;
pub use session_store::SessionStore;
pub use shard_machine::SessionMachine;
