//! The members as a pure state machine: sightings and the time in, changes out.
//!
//! ```text
//!            live                not live           dead_after          dead_grace
//!   (none) ───────▶ Up ⇄ Draining ───────▶ Suspect ───────────▶ Dead ───────────▶ (removed)
//!                       │    ▲ live again     │ │                │
//!                       │    ╰────────────────┼─┴────────────────╯
//!                       ╰─── said good-bye ───┴──▶ Left ── dead_grace ──▶ (removed)
//! ```
//! A live higher incarnation replaces a lower one from any state; a lower one is never looked at again. It knows no
//! clock and no network: time is how long the service runs, liveness is what the failure detector said.

use std::{collections::BTreeMap, time::Duration};

use aiex_placement::NodeId;

use crate::{
    ClusterChange, Member, MemberState, Timing,
    member::{Facts, Incarnation},
};

/// Most nodes that are tracked, and most good-byes that are remembered after that.
pub(crate) const MAX_NODES: usize = 1024;

/// What the gossip knows of one incarnation at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
    /// Whether the failure detector thinks it lives.
    pub(crate) live: bool,
    /// Grows while the process runs.
    pub(crate) heartbeat: u64,
    /// What it says of itself; `None` while required keys are missing.
    pub(crate) facts: Option<Facts>,
}

impl Sighting {
    /// Returns its facts if it counts as live.
    fn living(&self) -> Option<&Facts> {
        self.facts.as_ref().filter(|facts| self.live && !facts.left)
    }
}

/// Everything known of the members.
#[derive(Debug)]
pub(crate) struct Roster {
    timing: Timing,
    entries: BTreeMap<NodeId, Entry>,
    /// The highest generation under which each node said good-bye, and when; it outlives the entry.
    departed: BTreeMap<NodeId, (u64, Duration)>,
    observed_at: Option<Duration>,
    /// Until then nobody becomes suspect, because this process itself stood still.
    lenient_until: Duration,
    overflowing: bool,
}

#[derive(Debug)]
struct Entry {
    incarnation: Incarnation,
    member: Member,
    /// Its highest heartbeat and when that was first seen.
    pulse: (u64, Duration),
    /// Since when it is not live, while it is still shown as live.
    doubted_since: Option<Duration>,
}

impl Roster {
    pub(crate) fn new(timing: Timing) -> Self {
        Self {
            timing,
            entries: BTreeMap::new(),
            departed: BTreeMap::new(),
            observed_at: None,
            lenient_until: Duration::ZERO,
            overflowing: false,
        }
    }

    /// Returns true if there are more nodes than may be tracked.
    pub(crate) fn is_overflowing(&self) -> bool {
        self.overflowing
    }

    /// Takes in everything that is sighted at `now` and returns what that changes, by node id.
    ///
    /// Times must not go back; what is not among the sightings is not live.
    pub(crate) fn observe(&mut self, now: Duration, sightings: &[Sighting]) -> Vec<ClusterChange> {
        self.notice_own_stall(now);
        let mut by_node: BTreeMap<NodeId, Vec<&Sighting>> = BTreeMap::new();
        for sighting in sightings {
            by_node.entry(sighting.node).or_default().push(sighting);
        }
        self.overflowing = false;
        let mut changes = Vec::new();
        for (node, seen) in &by_node {
            self.remember_goodbyes(now, *node, seen);
            if !self.entries.contains_key(node) {
                changes.extend(self.meet(now, *node, seen));
            }
        }
        let (timing, lenient) = (self.timing, now < self.lenient_until);
        self.entries.retain(|node, entry| {
            let seen = by_node.get(node).map_or(&[][..], Vec::as_slice);
            let change = entry.step(now, seen, &timing, lenient);
            let stays = !matches!(change, Some(ClusterChange::Removed(_)));
            changes.extend(change);
            stays
        });
        changes
    }

    fn remember_goodbyes(&mut self, now: Duration, node: NodeId, seen: &[&Sighting]) {
        let Some(gone) = latest_goodbye(seen) else {
            return;
        };
        let before = self.departed.get(&node).map(|(generation, _)| *generation);
        if before >= Some(gone.generation) {
            return;
        }
        if before.is_none() && self.departed.len() >= MAX_NODES {
            let oldest = self.departed.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(oldest) = oldest.map(|(node, _)| *node) {
                self.departed.remove(&oldest);
            }
        }
        self.departed.insert(node, (gone.generation, now));
    }

    /// A process that stood still finds everybody late; it must listen for a while before it judges.
    fn notice_own_stall(&mut self, now: Duration) {
        let usual = self.timing.gossip_interval * 4;
        let gap = self
            .observed_at
            .map_or(Duration::ZERO, |before| now.saturating_sub(before));
        if gap > usual.max(Duration::from_secs(1)) {
            self.lenient_until = now + self.timing.patience();
        }
        self.observed_at = Some(now);
    }

    fn meet(&mut self, now: Duration, node: NodeId, seen: &[&Sighting]) -> Option<ClusterChange> {
        let (incarnation, facts) = newest_living(seen)?;
        let departed = self.departed.get(&node).map(|(generation, _)| *generation);
        if Some(incarnation.generation) <= departed {
            return None;
        }
        if self.entries.len() >= MAX_NODES {
            self.overflowing = true;
            return None;
        }
        let entry = Entry {
            incarnation,
            member: member(node, incarnation, facts, now),
            pulse: (0, now),
            doubted_since: None,
        };
        let added = ClusterChange::Added(entry.member.clone());
        self.entries.insert(node, entry);
        Some(added)
    }
}

impl Entry {
    fn step(
        &mut self,
        now: Duration,
        seen: &[&Sighting],
        timing: &Timing,
        lenient: bool,
    ) -> Option<ClusterChange> {
        if let Some(change) = self.replace(now, seen) {
            return Some(change);
        }
        if let Some(change) = self.part(now, seen) {
            return Some(change);
        }
        if self.member.state == MemberState::Left {
            return self.expire(now, timing);
        }
        let current = seen.iter().find(|s| s.incarnation == self.incarnation);
        if let Some(sighting) = current.filter(|sighting| sighting.heartbeat > self.pulse.0) {
            self.pulse = (sighting.heartbeat, now);
        }
        match current.and_then(|sighting| sighting.living()) {
            Some(facts) => self.confirm_alive(now, facts),
            None if self.member.state.is_live() => {
                let since = *self.doubted_since.get_or_insert(now);
                // A higher incarnation was heard but is not counted as live yet: the process restarts.
                let restarts = seen.iter().any(|s| s.incarnation > self.incarnation)
                    && now.saturating_sub(since) < timing.patience();
                // One that lives but no longer says what it must needs no silence.
                let is_silent = current.is_some_and(|sighting| sighting.live)
                    || now.saturating_sub(self.pulse.1) >= timing.min_silence;
                (is_silent && !restarts && !lenient).then(|| self.enter(now, MemberState::Suspect))
            }
            None => self.expire(now, timing),
        }
    }

    /// A living higher incarnation takes over, without a word about the death of the lower one.
    fn replace(&mut self, now: Duration, seen: &[&Sighting]) -> Option<ClusterChange> {
        let (incarnation, facts) = newest_living(seen)?;
        let is_later = if self.member.state == MemberState::Left {
            incarnation.generation > self.incarnation.generation
        } else {
            incarnation > self.incarnation
        };
        if !is_later {
            return None;
        }
        self.incarnation = incarnation;
        self.pulse = (0, now);
        self.member = member(self.member.node, incarnation, facts, now);
        self.doubted_since = None;
        Some(ClusterChange::Updated(self.member.clone()))
    }

    /// This or a higher incarnation said good-bye.
    fn part(&mut self, now: Duration, seen: &[&Sighting]) -> Option<ClusterChange> {
        let gone = latest_goodbye(seen)?;
        let already = self.member.state == MemberState::Left;
        if gone < self.incarnation || (already && gone.generation <= self.incarnation.generation) {
            return None;
        }
        if gone > self.incarnation {
            self.member.down_since = None;
        }
        self.incarnation = gone;
        self.member.generation = gone.generation;
        self.member.gossip_address = gone.address;
        Some(self.enter(now, MemberState::Left))
    }

    fn confirm_alive(&mut self, now: Duration, facts: &Facts) -> Option<ClusterChange> {
        self.doubted_since = None;
        let mut next = member(self.member.node, self.incarnation, facts, now);
        if next.state == self.member.state {
            next.since = self.member.since;
        }
        if next == self.member {
            return None;
        }
        self.member = next;
        Some(ClusterChange::Updated(self.member.clone()))
    }

    /// Time passes for one that is down.
    fn expire(&mut self, now: Duration, timing: &Timing) -> Option<ClusterChange> {
        let down_for = now.saturating_sub(self.member.down_since.unwrap_or(now));
        match self.member.state {
            MemberState::Suspect if down_for >= timing.dead_after => {
                Some(self.enter(now, MemberState::Dead))
            }
            MemberState::Dead | MemberState::Left if down_for >= timing.dead_grace => {
                Some(ClusterChange::Removed(self.member.clone()))
            }
            _ => None,
        }
    }

    fn enter(&mut self, now: Duration, state: MemberState) -> ClusterChange {
        self.member.state = state;
        self.member.since = now;
        self.member.down_since.get_or_insert(now);
        self.doubted_since = None;
        ClusterChange::Updated(self.member.clone())
    }
}

/// The highest incarnation that lives and has not left, nor has any above it.
fn newest_living<'a>(seen: &[&'a Sighting]) -> Option<(Incarnation, &'a Facts)> {
    let newest = seen
        .iter()
        .filter_map(|sighting| Some((sighting.incarnation, sighting.living()?)))
        .max_by_key(|(incarnation, _)| *incarnation)?;
    let has_left = latest_goodbye(seen).is_some_and(|gone| gone.generation >= newest.0.generation);
    (!has_left).then_some(newest)
}

/// The highest incarnation that said good-bye.
fn latest_goodbye(seen: &[&Sighting]) -> Option<Incarnation> {
    seen.iter()
        .filter(|sighting| sighting.facts.as_ref().is_some_and(|facts| facts.left))
        .map(|sighting| sighting.incarnation)
        .max()
}

fn member(node: NodeId, incarnation: Incarnation, facts: &Facts, now: Duration) -> Member {
    Member {
        node,
        generation: incarnation.generation,
        gossip_address: incarnation.address,
        client_address: facts.client_address.clone(),
        peer_address: facts.peer_address.clone(),
        zone: facts.zone.clone(),
        version: facts.version.clone(),
        readiness: facts.readiness,
        draining: facts.draining,
        storage_epoch: facts.storage_epoch,
        state: if facts.draining {
            MemberState::Draining
        } else {
            MemberState::Up
        },
        since: now,
        down_since: None,
    }
}

#[cfg(test)]
mod tests;
