//! Golden vectors and balance properties of `place_v1`.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::*;

fn cluster(count: u64, zones: u64) -> Vec<NodeView> {
    (1..=count)
        .map(|id| NodeView {
            id: NodeId(id),
            zone: format!("z{}", id % zones.max(1)),
            weight: 1,
            state: NodeState::Up,
            disk_used_percent: 10,
        })
        .collect()
}

fn held(plan: &[Assignment]) -> BTreeMap<NodeId, usize> {
    let mut held = BTreeMap::new();
    for node in plan.iter().flat_map(|a| &a.replicas) {
        *held.entry(*node).or_default() += 1;
    }
    held
}

/// One number for a whole plan, so that 1000 shards fit one line of a golden table.
fn digest(plan: &[Assignment]) -> u64 {
    let mut bytes = Vec::new();
    for a in plan {
        bytes.extend(a.shard.0.to_le_bytes());
        for node in a.replicas.iter().chain(a.preferred_leader.as_ref()) {
            bytes.extend(node.0.to_le_bytes());
        }
    }
    xxh3_64(&bytes)
}

#[test]
fn golden_table_of_1000_shards_on_five_topologies() {
    let topologies = [(1, 1), (3, 3), (5, 3), (8, 2), (50, 5)];
    let lines: Vec<String> = topologies
        .iter()
        .map(|&(n, z)| {
            let plan = place_v1(&cluster(n, z), 1000);
            let first: Vec<String> = plan[..3]
                .iter()
                .map(|a| format!("{:?}", a.replicas.iter().map(|n| n.0).collect::<Vec<_>>()))
                .collect();
            format!(
                "nodes={n} zones={z} digest={:016x} first={}",
                digest(&plan),
                first.join(" ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn one_node_holds_and_leads_everything() {
    for a in place_v1(&cluster(1, 1), 16) {
        assert_eq!(a.replicas, vec![NodeId(1)]);
        assert_eq!(a.preferred_leader, Some(NodeId(1)));
    }
}

#[test]
fn no_eligible_node_gives_empty_sets() {
    let mut nodes = cluster(4, 1);
    nodes[0].state = NodeState::Down;
    nodes[1].state = NodeState::Draining;
    nodes[2].state = NodeState::Tombstoned;
    nodes[3].disk_used_percent = MAX_DISK_USED_PERCENT;
    assert!(
        place_v1(&nodes, 16)
            .iter()
            .all(|a| a.replicas.is_empty() && a.preferred_leader.is_none())
    );
}

#[test]
fn zones_are_kept_apart_when_there_are_three() {
    for a in place_v1(&cluster(9, 3), 64) {
        let zones: BTreeSet<u64> = a.replicas.iter().map(|n| n.0 % 3).collect();
        assert_eq!(zones.len(), 3, "{a:?}");
    }
}

#[test]
fn adding_a_node_moves_little() {
    let (before, after) = (place_v1(&cluster(8, 1), 32), place_v1(&cluster(9, 1), 32));
    let moved: usize = before
        .iter()
        .zip(&after)
        .map(|(b, a)| {
            a.replicas
                .iter()
                .filter(|n| !b.replicas.contains(n))
                .count()
        })
        .sum();
    assert!(moved <= 24, "moved {moved} of 96 replicas, ideal 11");
}

proptest! {
    #[test]
    fn sets_are_distinct_and_full(nodes in 1u64..40, zones in 1u64..6, shards in 16u16..257) {
        let plan = place_v1(&cluster(nodes, zones), shards);
        for a in &plan {
            let distinct: BTreeSet<_> = a.replicas.iter().collect();
            prop_assert_eq!(distinct.len(), REPLICAS.min(nodes as usize));
            prop_assert!(a.replicas.contains(&a.preferred_leader.unwrap()));
        }
    }

    // Zones of different size can force a node over its cap; without them only the last shards can.
    #[test]
    fn load_and_leaders_are_balanced(nodes in 1u64..40, shards in 16u16..257) {
        let plan = place_v1(&cluster(nodes, 1), shards);
        let total = usize::from(shards) * REPLICAS.min(nodes as usize);
        let cap = (11 * total).div_ceil(10 * nodes as usize);
        let most_held = held(&plan).values().max().copied().unwrap_or(0);
        prop_assert!(most_held <= cap + 2, "held {most_held}, cap {cap}");
        let mut led: BTreeMap<NodeId, usize> = BTreeMap::new();
        for a in &plan { *led.entry(a.preferred_leader.unwrap()).or_default() += 1; }
        let most_led = led.values().max().copied().unwrap_or(0);
        prop_assert!(most_led <= usize::from(shards).div_ceil(nodes as usize) + 3, "led {most_led}");
    }
}
