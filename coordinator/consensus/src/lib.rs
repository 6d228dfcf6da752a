//! Raft groups over opaque entries.
//!
//! A [`Group`] replicates what it is given, in batches, and hands it to a [`ShardMachine`] on every replica in the same
//! order. It knows no session and no model. The consensus library is seen in this crate only, and writes nothing of its
//! own format to a disk. Replicas on other nodes are reached through the node's [`PeerLink`]; a group may also be alone.

mod codec;
mod error;
mod group;
mod log_adapter;
mod machine;
mod machine_adapter;
pub mod metrics;
mod network;
mod peer;
mod proposer;
mod settings;
mod tasks;
mod transaction;
mod types;

pub use error::Error;
pub use group::{Group, GroupMembership, GroupParts, GroupStatus, MembershipVersion, Replication};
pub use machine::{ShardMachine, StateReader, StateTx};
pub use peer::{PeerConfig, PeerCounts, PeerLink, PeerSecurity, PeerTls};
pub use settings::{IN_FLIGHT_BYTES, MAX_ENTRY_BYTES, Settings};
