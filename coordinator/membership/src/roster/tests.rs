//! The machine by cases.

use super::*;
use crate::{Readiness, Snapshot};

mod histories;

const NODE: NodeId = NodeId(7);
/// A round of gossip.
const ROUND_MS: u64 = 250;

fn facts() -> Facts {
    Facts {
        client_address: "node-7:7400".to_owned(),
        peer_address: "node-7:7401".to_owned(),
        zone: "a".to_owned(),
        version: "0.1.0".to_owned(),
        readiness: Readiness::Ready,
        draining: false,
        left: false,
        storage_epoch: 0,
    }
}

fn sighting(generation: u64, live: bool, facts: Option<Facts>) -> Sighting {
    Sighting {
        node: NODE,
        incarnation: Incarnation {
            generation,
            address: ([10, 0, 0, 7], 7402).into(),
        },
        live,
        heartbeat: 0,
        facts,
    }
}

fn alive(generation: u64) -> Sighting {
    sighting(generation, true, Some(facts()))
}

fn silent(generation: u64) -> Sighting {
    sighting(generation, false, Some(facts()))
}

fn draining(generation: u64) -> Sighting {
    let facts = Facts {
        draining: true,
        ..facts()
    };
    sighting(generation, true, Some(facts))
}

fn left(generation: u64, live: bool) -> Sighting {
    let facts = Facts {
        left: true,
        ..facts()
    };
    sighting(generation, live, Some(facts))
}

/// Feeds a roster round by round and keeps what readers would have.
struct Story {
    roster: Roster,
    now_ms: u64,
    view: BTreeMap<NodeId, Member>,
}

impl Story {
    fn new() -> Self {
        Self {
            roster: Roster::new(Timing::default()),
            now_ms: 0,
            view: BTreeMap::new(),
        }
    }

    /// Sees the same for `ms`, round by round, and tells the states that were published, in order.
    fn see(&mut self, ms: u64, sightings: &[Sighting]) -> Vec<String> {
        let end = self.now_ms + ms;
        let mut told = Vec::new();
        while self.now_ms < end {
            self.now_ms += ROUND_MS.min(end - self.now_ms);
            told.extend(self.step(sightings));
        }
        told
    }

    /// Sees something once, `ms` after the last time.
    fn jump(&mut self, ms: u64, sightings: &[Sighting]) -> Vec<String> {
        self.now_ms += ms;
        self.step(sightings)
    }

    fn step(&mut self, sightings: &[Sighting]) -> Vec<String> {
        let now = Duration::from_millis(self.now_ms);
        let mut sightings = sightings.to_vec();
        for sighting in sightings.iter_mut().filter(|sighting| sighting.live) {
            sighting.heartbeat = self.now_ms;
        }
        let changes = self.roster.observe(now, &sightings);
        changes.iter().map(|change| self.tell(change)).collect()
    }

    fn tell(&mut self, change: &ClusterChange) -> String {
        match change {
            ClusterChange::Added(member) => {
                let before = self.view.insert(member.node, member.clone());
                assert_eq!(before, None, "added twice");
                format!("+{}@{}", member.state, member.generation)
            }
            ClusterChange::Updated(member) => {
                let before = self.view.insert(member.node, member.clone());
                assert!(
                    before.is_some_and(|before| before != *member),
                    "no news: {member:?}"
                );
                format!("{}@{}", member.state, member.generation)
            }
            ClusterChange::Removed(member) => {
                assert_eq!(self.view.remove(&member.node).as_ref(), Some(member));
                format!("-{}@{}", member.state, member.generation)
            }
            ClusterChange::Resync(_) => panic!("the machine makes no snapshots"),
        }
    }
}

#[test]
fn a_node_is_added_only_once_it_lives_and_says_what_it_must() {
    let mut story = Story::new();
    assert_eq!(story.see(5_000, &[silent(1)]), [""; 0]);
    assert_eq!(story.see(5_000, &[sighting(1, true, None)]), [""; 0]);
    assert_eq!(story.see(5_000, &[alive(1)]), ["+up@1"]);
    assert_eq!(story.view[&NODE].zone, "a");
    assert!(story.view[&NODE].takes_work());
}

#[test]
fn silence_is_suspect_then_dead_then_forgotten() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(1_000, &[silent(1)]), [""; 0], "too short");
    assert_eq!(story.see(250, &[silent(1)]), ["suspect@1"]);
    assert_eq!(story.see(9_750, &[silent(1)]), [""; 0]);
    assert_eq!(story.see(250, &[silent(1)]), ["dead@1"]);
    let down_since = story.view[&NODE].down_since;
    assert_eq!(down_since, Some(Duration::from_millis(2_250)));
    assert_eq!(story.see(889_750, &[silent(1)]), [""; 0]);
    assert_eq!(story.see(250, &[]), ["-dead@1"]);
    assert_eq!(story.see(10_000, &[silent(1)]), [""; 0]);
    assert_eq!(
        story.see(250, &[alive(1)]),
        ["+up@1"],
        "a healed partition of a long time"
    );
}

#[test]
fn one_that_answers_again_is_up_again() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(2_000, &[silent(1)]), ["suspect@1"]);
    assert_eq!(story.see(250, &[alive(1)]), ["up@1"]);
    assert_eq!(story.view[&NODE].down_since, None);
    assert_eq!(story.see(20_000, &[]), ["suspect@1", "dead@1"]);
    assert_eq!(story.see(250, &[draining(1)]), ["draining@1"]);
}

#[test]
fn a_short_stall_is_not_told() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    for _ in 0..10 {
        assert_eq!(story.see(1_000, &[silent(1)]), [""; 0]);
        assert_eq!(story.see(250, &[alive(1)]), [""; 0]);
    }
}

#[test]
fn one_that_beats_without_what_it_must_say_is_suspect_at_once() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(250, &[sighting(1, true, None)]), ["suspect@1"]);
    assert_eq!(story.see(250, &[alive(1)]), ["up@1"]);
}

#[test]
fn a_restart_replaces_at_once_without_a_dead_flash() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    // The new one is heard of, the old one still counts as live.
    assert_eq!(
        story.see(500, &[alive(1), sighting(2, false, None)]),
        [""; 0]
    );
    // The old one runs out before the new one counts.
    assert_eq!(story.see(3_000, &[silent(1), silent(2)]), [""; 0]);
    assert_eq!(story.see(250, &[silent(1), alive(2)]), ["up@2"]);
    // The old one flashes.
    assert_eq!(story.see(60_000, &[alive(1), alive(2)]), [""; 0]);
    assert_eq!(story.see(1_250, &[alive(1), silent(2)]), ["suspect@2"]);
    // Still live in the detector's eyes when the new one comes: at once too.
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(250, &[alive(1), alive(2)]), ["up@2"]);
}

#[test]
fn a_restart_that_never_comes_up_is_suspect_in_the_end() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(4_000, &[silent(1), silent(2)]), [""; 0]);
    assert_eq!(story.see(250, &[silent(1), silent(2)]), ["suspect@1"]);
}

#[test]
fn a_restart_on_another_address_replaces_too() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    let mut moved = alive(2);
    moved.incarnation.address = ([10, 0, 0, 99], 7402).into();
    assert_eq!(story.see(250, &[alive(1), moved]), ["up@2"]);
    assert_eq!(
        story.view[&NODE].gossip_address,
        ([10, 0, 0, 99], 7402).into()
    );
}

#[test]
fn draining_and_readiness_are_told() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(1_000, &[draining(1)]), ["draining@1"]);
    assert_eq!(story.see(1_000, &[alive(1)]), ["up@1"]);
    let facts = Facts {
        readiness: Readiness::NotReady,
        ..facts()
    };
    assert_eq!(
        story.see(1_000, &[sighting(1, true, Some(facts))]),
        ["up@1"]
    );
    assert!(!story.view[&NODE].takes_work());
    assert_eq!(story.see(1_000, &[draining(1)]), ["draining@1"]);
    assert_eq!(story.see(1_250, &[]), ["suspect@1"]);
    assert!(
        story.view[&NODE].draining,
        "kept, for whoever decides on a replacement"
    );
}

#[test]
fn one_that_left_returns_only_as_a_new_one() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(250, &[left(1, true)]), ["left@1"]);
    assert_eq!(story.see(60_000, &[left(1, false)]), [""; 0]);
    assert_eq!(story.see(60_000, &[alive(1)]), [""; 0]);
    assert_eq!(story.see(900_000, &[]), ["-left@1"]);
    assert_eq!(story.see(60_000, &[alive(1)]), [""; 0]);
    assert_eq!(story.see(250, &[alive(2)]), ["+up@2"]);
    assert_eq!(story.see(250, &[left(2, true)]), ["left@2"]);
    assert_eq!(
        story.see(250, &[alive(3), left(2, false)]),
        ["up@3"],
        "back before it is forgotten"
    );
}

#[test]
fn a_good_bye_is_remembered_beyond_a_later_life() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    story.see(1_000, &[left(1, true)]);
    assert_eq!(story.see(1_000, &[alive(2)]), ["up@2"]);
    let told = story.see(1_000_000, &[]);
    assert_eq!(told, ["suspect@2", "dead@2", "-dead@2"]);
    assert_eq!(story.see(10_000, &[alive(1)]), [""; 0]);
    assert_eq!(story.see(250, &[alive(2)]), ["+up@2"]);
}

#[test]
fn a_good_bye_is_heard_late_and_by_those_who_never_met() {
    let mut story = Story::new();
    assert_eq!(story.see(60_000, &[left(1, true)]), [""; 0]);
    assert_eq!(story.see(60_000, &[alive(1)]), [""; 0], "an echo");
    story.see(1_000, &[alive(2)]);
    assert_eq!(story.see(20_000, &[silent(2)]), ["suspect@2", "dead@2"]);
    assert_eq!(story.see(250, &[left(2, false)]), ["left@2"]);
    // It came and went again unseen.
    assert_eq!(
        story.see(250, &[left(3, false), left(2, false)]),
        ["left@3"]
    );
}

#[test]
fn who_stood_still_itself_does_not_blame_others() {
    let mut story = Story::new();
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.jump(60_000, &[silent(1)]), [""; 0]);
    assert_eq!(story.see(750, &[silent(1)]), [""; 0]);
    assert_eq!(story.see(250, &[alive(1)]), [""; 0]);
    // One that is really gone is told after a while.
    assert_eq!(story.jump(60_000, &[silent(1)]), [""; 0]);
    assert_eq!(story.see(5_000, &[silent(1)]), ["suspect@1"]);
    // A jump in the middle never skips a state.
    assert_eq!(story.jump(7_200_000, &[]), ["dead@1"]);
    assert_eq!(story.jump(250, &[]), ["-dead@1"]);
}

#[test]
fn the_number_of_nodes_is_bounded() {
    let crowd = |range: std::ops::Range<u64>, facts: Facts| -> Vec<Sighting> {
        range
            .map(|node| Sighting {
                node: NodeId(node),
                ..sighting(1, true, Some(facts.clone()))
            })
            .collect()
    };
    let count = MAX_NODES as u64;
    let mut roster = Roster::new(Timing::default());
    let at = Duration::from_millis;
    assert_eq!(
        roster.observe(at(0), &crowd(0..count + 5, facts())).len(),
        MAX_NODES
    );
    assert!(roster.is_overflowing());
    // Those that left and are forgotten make room.
    roster.observe(
        at(1),
        &crowd(
            0..10,
            Facts {
                left: true,
                ..facts()
            },
        ),
    );
    assert_eq!(
        roster
            .observe(at(900_001), &crowd(10..count, facts()))
            .len(),
        10
    );
    assert_eq!(
        roster
            .observe(at(900_002), &crowd(10..count + 5, facts()))
            .len(),
        5
    );
    assert!(!roster.is_overflowing());
}

#[test]
fn readers_of_changes_and_of_snapshots_agree() {
    let (publisher, _sender) = crate::change::Publisher::new();
    let mut story = Story::new();
    for seen in [vec![alive(1)], vec![], vec![alive(2)], vec![left(2, true)]] {
        story.now_ms += 2_000;
        for _ in 0..8 {
            story.now_ms += ROUND_MS;
            let now = Duration::from_millis(story.now_ms);
            let changes = story.roster.observe(now, &seen);
            changes.iter().for_each(|change| drop(story.tell(change)));
            publisher.publish(changes);
            let Snapshot { members, .. } = publisher.snapshot().as_ref().clone();
            assert_eq!(members, story.view);
        }
    }
    assert_eq!(story.view[&NODE].state, MemberState::Left);
}
