//! The machine under random histories: what must hold whatever is sighted.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

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
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A failure prints its smallest history, which is enough to replay it.
    #[test]
    fn every_history_keeps_the_promises(
        steps in prop::collection::vec(
            (prop::sample::select(vec![0u64, 1, 250, 700, 1_000, 5_000, 20_000, 1_000_000]),
             prop::collection::vec(happening(), 0..4)),
            1..60,
        ),
        notices_stalls in any::<bool>(),
    ) {
        let mut timing = Timing::default();
        if !notices_stalls {
            timing.gossip_interval = Duration::from_secs(1_000_000);
        }
        let mut roster = Roster::new(timing);
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
