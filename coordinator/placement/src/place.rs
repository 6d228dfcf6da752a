//! The placement function, version 1: which nodes should hold which shard, and who should lead it.
//!
//! It proposes; the metadata group commits. Same input, same answer, on every machine and every Rust version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{NodeId, Ring, ShardId};

/// Replicas of a shard, as far as there are nodes.
pub const REPLICAS: usize = 3;
/// A node whose disk is fuller than this takes no part in new placements.
pub const MAX_DISK_USED_PERCENT: u8 = 85;
/// From this many zones on, the replicas of a shard are kept in different ones.
const ZONES_TO_SPREAD: usize = 3;
/// A node may hold this many tenths of the average load.
const CAP_TENTHS: usize = 11;

/// How the cluster sees a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeState {
    /// Answers and takes load.
    Up,
    /// Answers, but is about to leave.
    Draining,
    /// Does not answer.
    Down,
    /// Gone for ever; its id is never used again.
    Tombstoned,
}

/// What placement needs to know of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// Who.
    pub id: NodeId,
    /// Failure domain; nodes of an empty zone name share one.
    pub zone: String,
    /// Share of load relative to others; 0 takes none.
    pub weight: u32,
    /// How the cluster sees it.
    pub state: NodeState,
    /// Fill level of its disk in percent.
    pub disk_used_percent: u8,
}

impl NodeView {
    fn is_eligible(&self) -> bool {
        self.state == NodeState::Up
            && self.weight > 0
            && self.disk_used_percent < MAX_DISK_USED_PERCENT
    }
}

/// The proposal for one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Which shard.
    pub shard: ShardId,
    /// Its replicas, in ring order; empty when no node is eligible.
    pub replicas: Vec<NodeId>,
    /// The replica that should lead; leaders are balanced apart from the ring.
    pub preferred_leader: Option<NodeId>,
}

/// Proposes a placement of shards `0..shard_count` on `nodes`.
///
/// Walks the ring from each shard, keeping zones apart where there are three or more, and every node below 1.1 times
/// the average; where both cannot hold, the zone rule gives way first, then the cap.
pub fn place_v1(nodes: &[NodeView], shard_count: u16) -> Vec<Assignment> {
    let eligible: BTreeMap<NodeId, &NodeView> = nodes
        .iter()
        .filter(|n| n.is_eligible())
        .map(|n| (n.id, n))
        .collect();
    let ring = Ring::new(
        &eligible
            .values()
            .map(|n| (n.id, n.weight))
            .collect::<Vec<_>>(),
    );
    let caps = caps(&eligible, shard_count);
    let zones = eligible
        .values()
        .map(|n| n.zone.as_str())
        .collect::<std::collections::BTreeSet<_>>()
        .len();

    let mut held: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut led: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut plan = Vec::with_capacity(usize::from(shard_count));
    for shard in (0..shard_count).map(ShardId) {
        let walk = ring.successors(&shard.0.to_le_bytes());
        let replicas = choose(&walk, &eligible, zones >= ZONES_TO_SPREAD, |node| {
            held.get(&node).copied().unwrap_or(0) < caps.get(&node).copied().unwrap_or(0)
        });
        for node in &replicas {
            *held.entry(*node).or_default() += 1;
        }
        // `min_by_key` keeps the first of equals: ties go by ring order.
        let preferred_leader = replicas
            .iter()
            .copied()
            .min_by_key(|node| led.get(node).copied().unwrap_or(0));
        if let Some(leader) = preferred_leader {
            *led.entry(leader).or_default() += 1;
        }
        plan.push(Assignment {
            shard,
            replicas,
            preferred_leader,
        });
    }
    plan
}

/// Most replicas each node may hold: `ceil(1.1 × its share)`.
fn caps(eligible: &BTreeMap<NodeId, &NodeView>, shard_count: u16) -> BTreeMap<NodeId, usize> {
    let weights: usize = eligible.values().map(|n| n.weight as usize).sum();
    let total = usize::from(shard_count) * REPLICAS.min(eligible.len());
    eligible
        .iter()
        .map(|(id, n)| {
            (
                *id,
                (CAP_TENTHS * total * n.weight as usize).div_ceil(10 * weights.max(1)),
            )
        })
        .collect()
}

/// Takes replicas along `walk`, relaxing the zone rule first and the cap second.
fn choose(
    walk: &[NodeId],
    eligible: &BTreeMap<NodeId, &NodeView>,
    spread_zones: bool,
    below_cap: impl Fn(NodeId) -> bool,
) -> Vec<NodeId> {
    let mut chosen: Vec<NodeId> = Vec::with_capacity(REPLICAS);
    let zone = |node: &NodeId| eligible.get(node).map(|n| n.zone.as_str());
    for (mind_zone, mind_cap) in [(spread_zones, true), (false, true), (false, false)] {
        for node in walk {
            if chosen.len() == REPLICAS {
                return chosen;
            }
            let zone_taken = mind_zone && chosen.iter().any(|other| zone(other) == zone(node));
            if !chosen.contains(node) && !zone_taken && (!mind_cap || below_cap(*node)) {
                chosen.push(*node);
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
