//! The placement table: the one truth about which shard owns a slot and which nodes hold a shard.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Assignment, NodeId, NodeState, SLOT_COUNT, ShardId, Slot, slot_of};

/// Says what is wrong with a table.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The table does not name a shard for each slot.
    #[error("the placement table has {found} slots instead of {SLOT_COUNT}")]
    SlotCount {
        /// How many it has.
        found: usize,
    },
    /// A slot names a shard that the table does not have.
    #[error("slot {slot} belongs to shard {shard}, which the table does not have")]
    UnknownShard {
        /// The slot.
        slot: u16,
        /// The shard it names.
        shard: u16,
    },
    /// A replica is on a node that the table does not have.
    #[error("shard {shard} has a replica on node {node}, which the table does not have")]
    UnknownNode {
        /// The shard.
        shard: u16,
        /// The node it names.
        node: u64,
    },
}

/// What the table knows of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Who.
    pub id: NodeId,
    /// Failure domain.
    pub zone: String,
    /// Address of its peer port, empty while it has none.
    pub address: String,
    /// How the cluster sees it.
    pub state: NodeState,
}

/// What the table knows of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// Nodes that hold it.
    pub replicas: Vec<NodeId>,
    /// Who should lead it.
    pub preferred_leader: Option<NodeId>,
}

/// The committed placement; every change makes a table with the next epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementTable {
    /// Counts the changes; a request with an older epoch is refreshed.
    pub epoch: u64,
    slots: Vec<ShardId>,
    shards: Vec<ShardEntry>,
    nodes: Vec<NodeEntry>,
}

impl PlacementTable {
    /// Makes the first table, epoch 1: slot `i` belongs to shard `i % N`.
    ///
    /// # Errors
    /// [`Error::UnknownNode`] when a replica is not among `nodes`, [`Error::UnknownShard`] when `plan` is empty.
    pub fn initial(nodes: Vec<NodeEntry>, plan: &[Assignment]) -> Result<Self, Error> {
        let shard_count = plan.len().max(1) as u16;
        let table = Self {
            epoch: 1,
            slots: (0..SLOT_COUNT)
                .map(|slot| ShardId(slot % shard_count))
                .collect(),
            shards: plan
                .iter()
                .map(|a| ShardEntry {
                    replicas: a.replicas.clone(),
                    preferred_leader: a.preferred_leader,
                })
                .collect(),
            nodes,
        };
        table.validate()?;
        Ok(table)
    }

    /// Checks that slots, shards and nodes agree; called on whatever comes from outside.
    ///
    /// # Errors
    /// The first disagreement found.
    pub fn validate(&self) -> Result<(), Error> {
        if self.slots.len() != usize::from(SLOT_COUNT) {
            return Err(Error::SlotCount {
                found: self.slots.len(),
            });
        }
        for (slot, shard) in self.slots.iter().enumerate() {
            if usize::from(shard.0) >= self.shards.len() {
                return Err(Error::UnknownShard {
                    slot: slot as u16,
                    shard: shard.0,
                });
            }
        }
        for (shard, entry) in self.shards.iter().enumerate() {
            for node in &entry.replicas {
                if !self.nodes.iter().any(|n| n.id == *node) {
                    return Err(Error::UnknownNode {
                        shard: shard as u16,
                        node: node.0,
                    });
                }
            }
        }
        Ok(())
    }

    /// Returns the shard that owns `slot`.
    pub fn shard_of_slot(&self, slot: Slot) -> ShardId {
        // A valid table has every slot; the fallback only keeps the lookup total.
        self.slots
            .get(usize::from(slot.0 % SLOT_COUNT))
            .copied()
            .unwrap_or(ShardId(0))
    }

    /// Returns the shard that owns `key`.
    pub fn shard_of(&self, key: &[u8]) -> ShardId {
        self.shard_of_slot(slot_of(key))
    }

    /// Returns how many shards there are.
    pub fn shard_count(&self) -> u16 {
        self.shards.len() as u16
    }

    /// Returns the entry of `shard`.
    pub fn shard(&self, shard: ShardId) -> Option<&ShardEntry> {
        self.shards.get(usize::from(shard.0))
    }

    /// Returns the nodes of the cluster.
    pub fn nodes(&self) -> &[NodeEntry] {
        &self.nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64) -> NodeEntry {
        NodeEntry {
            id: NodeId(id),
            zone: String::new(),
            address: String::new(),
            state: NodeState::Up,
        }
    }

    fn plan(shards: u16, node: u64) -> Vec<Assignment> {
        (0..shards)
            .map(|s| Assignment {
                shard: ShardId(s),
                replicas: vec![NodeId(node)],
                preferred_leader: Some(NodeId(node)),
            })
            .collect()
    }

    #[test]
    fn first_table_spreads_slots_evenly() {
        let table = PlacementTable::initial(vec![node(1)], &plan(16, 1)).unwrap();
        let mut counts = [0; 16];
        for slot in 0..SLOT_COUNT {
            counts[usize::from(table.shard_of_slot(Slot(slot)).0)] += 1;
        }
        assert_eq!(counts, [256; 16]);
        assert_eq!(table.epoch, 1);
    }

    #[test]
    fn disagreements_are_found() {
        let unknown = PlacementTable::initial(vec![node(1)], &plan(16, 2));
        assert_eq!(unknown, Err(Error::UnknownNode { shard: 0, node: 2 }));
        let empty = PlacementTable::initial(vec![node(1)], &[]);
        assert_eq!(empty, Err(Error::UnknownShard { slot: 0, shard: 0 }));
        let mut short = PlacementTable::initial(vec![node(1)], &plan(16, 1)).unwrap();
        short.slots.pop();
        assert_eq!(short.validate(), Err(Error::SlotCount { found: 4095 }));
    }
}
