//! The hash ring: virtual nodes on a circle of 64-bit hashes, walked clockwise.
//!
//! Wraps the `hashring` crate with a fixed hasher over fixed byte strings, and returns distinct nodes: the crate itself
//! counts virtual nodes. `ring/tests` and the golden table of `place` pin the results.

use std::hash::{BuildHasher, Hash, Hasher};

use hashring::HashRing;
use xxhash_rust::xxh3::Xxh3;

use crate::NodeId;

/// Virtual nodes of a node of weight 1.
pub const VNODES_PER_WEIGHT: u32 = 128;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Xxh3Build;

impl BuildHasher for Xxh3Build {
    type Hasher = Xxh3;

    fn build_hasher(&self) -> Xxh3 {
        Xxh3::with_seed(0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct VirtualNode {
    node: NodeId,
    number: u32,
}

impl Hash for VirtualNode {
    // One fixed little-endian string: what std's derived `Hash` feeds is not promised to stay the same.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = [0u8; 12];
        bytes[..8].copy_from_slice(&self.node.0.to_le_bytes());
        bytes[8..].copy_from_slice(&self.number.to_le_bytes());
        state.write(&bytes);
    }
}

struct Key<'a>(&'a [u8]);

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

/// Orders the nodes of a cluster around a key. Immutable: rebuilt only when the set of nodes changes.
#[derive(Debug)]
pub struct Ring {
    ring: HashRing<VirtualNode, Xxh3Build>,
    node_count: usize,
}

impl Ring {
    /// Builds a ring of `(node, weight)`; a node of weight 0 takes no part, a node named twice counts once.
    pub fn new(nodes: &[(NodeId, u32)]) -> Self {
        let mut sorted: Vec<_> = nodes
            .iter()
            .copied()
            .filter(|(_, weight)| *weight > 0)
            .collect();
        // Sorted and unique, so that the order of the input and hash collisions cannot change the result.
        sorted.sort_unstable();
        sorted.dedup_by_key(|(node, _)| *node);
        let mut ring = HashRing::with_hasher(Xxh3Build);
        ring.batch_add(
            sorted
                .iter()
                .flat_map(|&(node, weight)| {
                    (0..weight.saturating_mul(VNODES_PER_WEIGHT))
                        .map(move |number| VirtualNode { node, number })
                })
                .collect(),
        );
        Self {
            ring,
            node_count: sorted.len(),
        }
    }

    /// Returns every node once, in the order in which the walk from `key` meets them.
    pub fn successors(&self, key: &[u8]) -> Vec<NodeId> {
        // `len - 1` replicas means the whole ring once; `len` would repeat the first.
        let walk = self
            .ring
            .get_with_replicas(&Key(key), self.ring.len().saturating_sub(1))
            .unwrap_or_default();
        let mut met = Vec::with_capacity(self.node_count);
        for virtual_node in walk {
            if !met.contains(&virtual_node.node) {
                met.push(virtual_node.node);
                if met.len() == self.node_count {
                    break;
                }
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u64) -> Vec<(NodeId, u32)> {
        (1..=count).map(|id| (NodeId(id), 1)).collect()
    }

    #[test]
    fn successors_are_distinct_and_complete() {
        let ring = Ring::new(&nodes(7));
        for key in 0..200u16 {
            let mut met = ring.successors(&key.to_le_bytes());
            met.sort_unstable();
            assert_eq!(met, (1..=7).map(NodeId).collect::<Vec<_>>());
        }
    }

    #[test]
    fn order_of_input_does_not_matter() {
        let mut reversed = nodes(5);
        reversed.reverse();
        let (a, b) = (Ring::new(&nodes(5)), Ring::new(&reversed));
        for key in 0..200u16 {
            assert_eq!(
                a.successors(&key.to_le_bytes()),
                b.successors(&key.to_le_bytes())
            );
        }
    }

    #[test]
    fn a_new_node_only_takes() {
        let (five, six) = (Ring::new(&nodes(5)), Ring::new(&nodes(6)));
        let mut moved = 0;
        for key in 0..3000u32 {
            let (before, after) = (
                five.successors(&key.to_le_bytes())[0],
                six.successors(&key.to_le_bytes())[0],
            );
            if before != after {
                assert_eq!(after, NodeId(6), "key {key} moved between old nodes");
                moved += 1;
            }
        }
        assert!(
            (300..700).contains(&moved),
            "moved {moved} of 3000, ideal 500"
        );
    }

    #[test]
    fn empty_and_weightless_rings_have_no_successors() {
        assert!(Ring::new(&[]).successors(b"x").is_empty());
        assert!(Ring::new(&[(NodeId(1), 0)]).successors(b"x").is_empty());
        assert_eq!(
            Ring::new(&[(NodeId(1), 1), (NodeId(1), 1)]).successors(b"x"),
            vec![NodeId(1)]
        );
    }
}
