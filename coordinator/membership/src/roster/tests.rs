//! The machine by cases, and by random histories whose invariants must hold whatever is sighted.

use super::*;
use crate::{Readiness, Snapshot};
use proptest::prelude::*;
use std::collections::BTreeSet;

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
fn a_good_bye_is_heard_late_and_by_those_who_never_met() {
    let mut story = Story::new();
    assert_eq!(story.see(60_000, &[left(1, true)]), [""; 0]);
    story.see(1_000, &[alive(1)]);
    assert_eq!(story.see(20_000, &[silent(1)]), ["suspect@1", "dead@1"]);
    assert_eq!(story.see(250, &[left(1, false)]), ["left@1"]);
    // It came and went again unseen.
    assert_eq!(
        story.see(250, &[left(2, false), left(1, false)]),
        ["left@2"]
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

/// One thing that happens to one incarnation: live, silent, draining, left, without keys, or gone.
fn happening() -> impl Strategy<Value = (u64, u64, u8)> {
    (0..3u64, 1..4u64, 0..6u8)
}

fn apply(world: &mut BTreeMap<(u64, u64), Sighting>, (node, generation, what): (u64, u64, u8)) {
    let mut next = match what {
        0 => alive(generation),
        1 => silent(generation),
        2 => draining(generation),
        3 => left(generation, true),
        4 => sighting(generation, true, None),
        _ => {
            world.remove(&(node, generation));
            return;
        }
    };
    next.node = NodeId(node);
    world.insert((node, generation), next);
}

/// What must hold for each change, given the member before it and who has left.
fn judge(
    change: &ClusterChange,
    before: Option<&Member>,
    gone: &BTreeSet<(NodeId, u64)>,
) -> Result<(), String> {
    use MemberState::{Dead, Left, Suspect};
    match change {
        ClusterChange::Resync(_) => Err("the machine makes no snapshots".to_owned()),
        ClusterChange::Added(_) if before.is_some() => Err("added twice".to_owned()),
        ClusterChange::Added(member) if !member.state.is_live() => Err("added dead".to_owned()),
        ClusterChange::Added(member) if gone.contains(&(member.node, member.generation)) => {
            Err("left and came back the same".to_owned())
        }
        ClusterChange::Added(_) => Ok(()),
        ClusterChange::Removed(member) => match before {
            None => Err("removed, never added".to_owned()),
            Some(was) if was != member => Err("removed as somebody else".to_owned()),
            Some(was) if matches!(was.state, Dead | Left) => Ok(()),
            Some(was) => Err(format!("removed while {}", was.state)),
        },
        ClusterChange::Updated(member) => {
            let Some(was) = before else {
                return Err("updated, never added".to_owned());
            };
            let same = was.generation == member.generation;
            match (was.state, member.state) {
                _ if was == member => Err("updated without news".to_owned()),
                _ if member.generation < was.generation => Err("an older one took over".to_owned()),
                (_, Dead) if was.state != Suspect && was.state != Dead => {
                    Err(format!("dead straight from {}", was.state))
                }
                (_, Suspect) if !was.state.is_live() => Err("suspect again".to_owned()),
                (_, Suspect | Dead) if !same => Err("a new one that is down".to_owned()),
                (Left, _) if same => Err("left and came back the same".to_owned()),
                (_, state)
                    if state.is_live() && gone.contains(&(member.node, member.generation)) =>
                {
                    Err("left and came back the same".to_owned())
                }
                (_, state) if state.is_live() != member.down_since.is_none() => {
                    Err("down without a since, or the reverse".to_owned())
                }
                _ => Ok(()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A failure prints its smallest history, which is enough to replay it.
    #[test]
    fn every_history_keeps_the_promises(
        steps in prop::collection::vec(
            (prop::sample::select(vec![0u64, 1, 250, 700, 5_000, 20_000, 1_000_000]),
             prop::collection::vec(happening(), 0..4)),
            1..60,
        )
    ) {
        let mut roster = Roster::new(Timing::default());
        let mut world = BTreeMap::new();
        let mut view: BTreeMap<NodeId, Member> = BTreeMap::new();
        let mut gone = BTreeSet::new();
        let mut now = Duration::ZERO;
        for (pause_ms, happenings) in steps {
            now += Duration::from_millis(pause_ms);
            for what in happenings {
                apply(&mut world, what);
            }
            let sightings: Vec<Sighting> = world.values().cloned().collect();
            let mut calls = 0;
            loop {
                let changes = roster.observe(now, &sightings);
                if changes.is_empty() {
                    break;
                }
                // Suspect, dead, removed: at one moment there is no fourth step.
                calls += 1;
                prop_assert!(calls <= 3, "it never comes to rest");
                take_in(&changes, &mut view, &mut gone).map_err(TestCaseError::fail)?;
            }
        }
    }
}

/// Judges the changes of one observation and brings the view up to date.
fn take_in(
    changes: &[ClusterChange],
    view: &mut BTreeMap<NodeId, Member>,
    gone: &mut BTreeSet<(NodeId, u64)>,
) -> Result<(), String> {
    let mut told = BTreeSet::new();
    for change in changes {
        let (ClusterChange::Added(member)
        | ClusterChange::Updated(member)
        | ClusterChange::Removed(member)) = change
        else {
            return Err("the machine makes no snapshots".to_owned());
        };
        if !told.insert(member.node) {
            return Err("two changes of one member at once".to_owned());
        }
        judge(change, view.get(&member.node), gone)?;
        if member.state == MemberState::Left {
            gone.insert((member.node, member.generation));
        }
        if matches!(change, ClusterChange::Removed(_)) {
            view.remove(&member.node);
        } else {
            view.insert(member.node, member.clone());
        }
    }
    Ok(())
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
