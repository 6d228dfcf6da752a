//! Notices that a node id is claimed by more than one process, and that peers remember a higher generation of ours.
//!
//! Pure. A restart leaves an old incarnation behind whose heartbeat stands still; a second process is one whose
//! heartbeat goes on beside the other's.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use aiex_placement::NodeId;

use crate::{Timing, member::Incarnation, roster::Sighting};

/// A peer relays heartbeats late and out of order; one that did not grow for so many rounds stands still.
const STILL_ROUNDS: u32 = 8;

/// What the sightings say about claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// More than one process runs under one id; the winner is last.
    Duplicate {
        node: NodeId,
        addresses: Vec<SocketAddr>,
    },
    /// A higher generation of this node is remembered by peers, and nobody runs it.
    Outranked { generation: u64 },
}

/// Watches heartbeats of all incarnations.
#[derive(Debug)]
pub(crate) struct Claims {
    timing: Timing,
    pulses: BTreeMap<(NodeId, Incarnation), Pulse>,
    contested_since: BTreeMap<NodeId, Duration>,
    outranked_since: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Pulse {
    heartbeat: u64,
    grew_at: Option<Duration>,
}

impl Claims {
    pub(crate) fn new(timing: Timing) -> Self {
        Self {
            timing,
            pulses: BTreeMap::new(),
            contested_since: BTreeMap::new(),
            outranked_since: None,
        }
    }

    /// Takes in the sightings of `now`; `own` is this process. A standing contest is found again at each call.
    pub(crate) fn observe(
        &mut self,
        now: Duration,
        own: (NodeId, Incarnation),
        sightings: &[Sighting],
    ) -> Vec<Finding> {
        self.take_pulses(now, sightings);
        let still = self.timing.gossip_interval * STILL_ROUNDS;
        let mut beating: BTreeMap<NodeId, Vec<Incarnation>> = BTreeMap::new();
        for ((node, incarnation), pulse) in &self.pulses {
            let grows = pulse
                .grew_at
                .is_some_and(|at| now.saturating_sub(at) < still);
            if grows || (*node, *incarnation) == own {
                beating.entry(*node).or_default().push(*incarnation);
            }
        }
        let contested: BTreeSet<NodeId> = beating
            .iter()
            .filter(|(_, claimants)| claimants.len() > 1)
            .map(|(node, _)| *node)
            .collect();
        self.contested_since
            .retain(|node, _| contested.contains(node));
        let mut findings = Vec::new();
        for node in contested {
            let since = *self.contested_since.entry(node).or_insert(now);
            if now.saturating_sub(since) >= self.timing.duplicate_after {
                let claimants = beating.get(&node).map_or(&[][..], Vec::as_slice);
                let addresses = claimants.iter().map(|claimant| claimant.address).collect();
                findings.push(Finding::Duplicate { node, addresses });
            }
        }
        findings.extend(self.outranked(now, own, beating.get(&own.0), sightings));
        findings
    }

    fn take_pulses(&mut self, now: Duration, sightings: &[Sighting]) {
        let present: BTreeSet<_> = sightings.iter().map(|s| (s.node, s.incarnation)).collect();
        self.pulses.retain(|claimant, _| present.contains(claimant));
        for sighting in sightings {
            let pulse = self
                .pulses
                .entry((sighting.node, sighting.incarnation))
                .or_insert(Pulse {
                    heartbeat: sighting.heartbeat,
                    grew_at: None,
                });
            if sighting.heartbeat > pulse.heartbeat {
                pulse.heartbeat = sighting.heartbeat;
                pulse.grew_at = Some(now);
            }
        }
    }

    fn outranked(
        &mut self,
        now: Duration,
        (node, own): (NodeId, Incarnation),
        beating: Option<&Vec<Incarnation>>,
        sightings: &[Sighting],
    ) -> Option<Finding> {
        // While its process may run it is a rival, and outbidding it would never end.
        let highest = sightings
            .iter()
            .filter(|s| s.node == node && s.incarnation.generation > own.generation)
            .map(|s| s.incarnation)
            .max()
            .filter(|above| beating.is_none_or(|claimants| !claimants.contains(above)));
        let Some(above) = highest else {
            self.outranked_since = None;
            return None;
        };
        let since = *self.outranked_since.get_or_insert(now);
        (now.saturating_sub(since) >= self.timing.duplicate_after).then_some(Finding::Outranked {
            generation: above.generation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);
    const OTHER: NodeId = NodeId(2);

    fn incarnation(generation: u64, port: u16) -> Incarnation {
        Incarnation {
            generation,
            address: ([127, 0, 0, 1], port).into(),
        }
    }

    fn sighting(node: NodeId, incarnation: Incarnation, heartbeat: u64) -> Sighting {
        Sighting {
            node,
            incarnation,
            live: false,
            heartbeat,
            facts: None,
        }
    }

    /// Observes each 250 ms for `rounds`; returns the findings of the last one.
    fn run(
        claims: &mut Claims,
        from: u64,
        rounds: u64,
        own: Incarnation,
        see: impl Fn(u64) -> Vec<Sighting>,
    ) -> Vec<Finding> {
        let mut last = Vec::new();
        for round in from..from + rounds {
            let mut seen = see(round);
            seen.push(sighting(NODE, own, round));
            last = claims.observe(Duration::from_millis(250 * round), (NODE, own), &seen);
        }
        last
    }

    #[test]
    fn two_heartbeats_side_by_side_are_two_processes() {
        let mut claims = Claims::new(Timing::default());
        let (own, low, high) = (incarnation(1, 1), incarnation(3, 30), incarnation(4, 40));
        let see = |round| {
            vec![
                sighting(OTHER, low, round),
                sighting(OTHER, high, 7 * round),
            ]
        };
        assert_eq!(run(&mut claims, 0, 20, own, see), []);
        let addresses = vec![low.address, high.address];
        let found = Finding::Duplicate {
            node: OTHER,
            addresses,
        };
        assert_eq!(run(&mut claims, 20, 2, own, see), [found]);
        // One of them stops.
        let see = |round| vec![sighting(OTHER, low, 22), sighting(OTHER, high, 7 * round)];
        assert_eq!(run(&mut claims, 22, 10, own, see), []);
    }

    #[test]
    fn a_restart_is_not_a_second_process() {
        let mut claims = Claims::new(Timing::default());
        let (own, old, new) = (incarnation(1, 1), incarnation(3, 30), incarnation(4, 30));
        // Peers relay a few late heartbeats of the old one.
        let see = |round: u64| {
            vec![
                sighting(OTHER, old, 100 + round.min(6)),
                sighting(OTHER, new, round),
            ]
        };
        for rounds in 1..60 {
            assert_eq!(run(&mut claims, 60 * rounds, 60, own, see), []);
        }
    }

    #[test]
    fn a_second_process_under_our_own_id_is_found() {
        let mut claims = Claims::new(Timing::default());
        let (own, rival) = (incarnation(5, 1), incarnation(5, 2));
        let found = run(&mut claims, 0, 30, own, |round| {
            vec![sighting(NODE, rival, round)]
        });
        let addresses = vec![own.address, rival.address];
        assert_eq!(
            found,
            [Finding::Duplicate {
                node: NODE,
                addresses
            }]
        );
    }

    #[test]
    fn a_remembered_higher_generation_outranks_and_a_rival_does_not() {
        let own = incarnation(5, 1);
        let mut claims = Claims::new(Timing::default());
        let remembered = |_| vec![sighting(NODE, incarnation(9, 1), 4)];
        assert_eq!(run(&mut claims, 0, 20, own, remembered), []);
        assert_eq!(
            run(&mut claims, 20, 2, own, remembered),
            [Finding::Outranked { generation: 9 }]
        );
        let mut claims = Claims::new(Timing::default());
        let rival = |round| vec![sighting(NODE, incarnation(9, 2), round)];
        let found = run(&mut claims, 0, 100, own, rival);
        assert!(
            matches!(found[..], [Finding::Duplicate { .. }]),
            "{found:?}"
        );
    }
}
