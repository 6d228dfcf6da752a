//! Identities: nodes, shards and the fixed slots that keys hash to.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Number of fixed slots; a key never changes its slot, a slot may change its shard.
pub const SLOT_COUNT: u16 = 4096;

/// Fewest shard groups a cluster has.
const MIN_SHARDS: u64 = 16;
/// Most shard groups a cluster has.
const MAX_SHARDS: u64 = 256;
/// Shards planned per node, so that each node leads a handful.
const SHARDS_PER_NODE: u64 = 4;

/// Names one node for the whole life of the cluster; never reused, not even after its disk is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// Names one shard group, counted from 0 up to the shard count fixed at cluster start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(pub u16);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// One of the [`SLOT_COUNT`] fixed parts of the key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u16);

/// Returns the slot of `key`: `xxh3_64(key, seed 0) & 4095`. Stable for ever; golden-tested.
///
/// ```
/// assert_eq!(aiex_placement::slot_of(b"").0, 0x4c2);
/// ```
pub fn slot_of(key: &[u8]) -> Slot {
    Slot((xxh3_64(key) & u64::from(SLOT_COUNT - 1)) as u16)
}

/// Returns the number of shard groups for a cluster planned to reach `planned_nodes` nodes.
///
/// `clamp(next_pow2(4 × planned), 16, 256)`; chosen once, at the first start.
pub fn shard_count(planned_nodes: u32) -> u16 {
    let wanted = (SHARDS_PER_NODE * u64::from(planned_nodes)).next_power_of_two();
    wanted.clamp(MIN_SHARDS, MAX_SHARDS) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_count_follows_the_plan() {
        let cases = [
            (0, 16),
            (1, 16),
            (4, 16),
            (5, 32),
            (8, 32),
            (9, 64),
            (16, 64),
            (50, 256),
            (u32::MAX, 256),
        ];
        for (planned, want) in cases {
            assert_eq!(shard_count(planned), want, "planned {planned}");
        }
    }

    #[test]
    fn slots_are_stable() {
        // Golden: a change here would lose every stored session.
        let cases: [(&[u8], u16); 3] =
            [(b"", 0x4c2), (b"session", 3401), (b"0123456789abcdef", 301)];
        for (key, want) in cases {
            assert_eq!(slot_of(key).0, want, "key {key:?}");
        }
    }
}
