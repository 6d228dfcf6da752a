//! Membership: who is in the cluster and who answers, learned by gossip.
//!
//! A [`Service`] tells its peers about this node and watches them; a [`Handle`] reads what it saw, as a [`Snapshot`] or
//! as a stream of [`ClusterChange`]s. All of it is a **hint**: it says where a request may go and whom the coordinator
//! should ask about, never who owns what. Ownership is the committed table and Raft leadership.
//!
//! Absent on purpose: consensus, the table, any decision to move data. The gossip library is seen in this crate only.

mod change;
mod claims;
mod clock;
mod config;
mod error;
mod generation;
mod gossip;
mod handle;
mod member;
pub mod metrics;
mod network;
mod roster;
mod seeds;
mod service;
mod tasks;
mod warning;

pub use change::{Changes, ClusterChange, Snapshot};
pub use clock::{SystemClock, WallClock};
pub use config::{Config, DEFAULT_GOSSIP_PORT, Timing};
pub use error::Error;
pub use handle::Handle;
pub use member::{MAX_STATE_BYTES, Member, MemberState, Readiness};
pub use seeds::{MAX_SEEDS, Resolve, Resolving, SystemResolver};
pub use service::Service;
pub use warning::{Warning, Warnings};
