//! Where things live: node and shard ids, slots, the hash ring, replica sets and the placement table.
//!
//! Pure: no clock, no files, no randomness. The ring only *proposes*; what is true is the committed table.

mod ids;
mod place;
mod ring;
mod table;

pub use ids::{NodeId, SLOT_COUNT, ShardId, Slot, shard_count, slot_of};
pub use place::{Assignment, MAX_DISK_USED_PERCENT, NodeState, NodeView, REPLICAS, place_v1};
pub use ring::{Ring, VNODES_PER_WEIGHT};
pub use table::{Error, NodeEntry, PlacementTable, ShardEntry};
