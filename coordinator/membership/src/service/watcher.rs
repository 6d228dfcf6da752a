//! The loop of the service: commands, rounds, and what the gossip learned.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{Addresses, Open};
use crate::{
    ClusterChange, Config, MemberState, WallClock, Warning,
    change::Publisher,
    claims::{Claims, Finding},
    gossip::{Gossip, News},
    handle::Command,
    member::Facts,
    metrics,
    network::Network,
    roster::{MAX_NODES, Roster},
    seeds::SeedTurns,
    tasks,
    warning::{WarningBoard, WarningGate},
};

/// Rounds in which a good-bye is spread before the socket closes.
const LEAVE_ROUNDS: u32 = 3;
/// Between two attempts to begin the gossip again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Watcher {
    pub(super) config: Config,
    pub(super) facts: Facts,
    pub(super) addresses: Addresses,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) network: Network,
    pub(super) roster: Roster,
    pub(super) claims: Claims,
    pub(super) gate: WarningGate,
    pub(super) turns: SeedTurns,
    pub(super) started: Instant,
    pub(super) live_peers: BTreeSet<SocketAddr>,
    pub(super) seed_addresses: watch::Receiver<BTreeSet<SocketAddr>>,
    pub(super) alone: watch::Sender<bool>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) warnings: Arc<WarningBoard>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) socket_warnings: mpsc::Receiver<Warning>,
    pub(super) leaving: Option<Leaving>,
    pub(super) _open: Open,
}

/// A good-bye under way.
pub(super) struct Leaving {
    rounds_left: u32,
    waiting: Vec<oneshot::Sender<()>>,
}

/// Why one run of the gossip is over.
pub(super) enum End {
    Stopped,
    Left,
    Broken(String),
    Outranked(u64),
}

impl Watcher {
    /// Runs until `stop` is sent or dropped, or the node has left.
    pub(super) async fn run(mut self, mut gossip: Gossip, mut stop: oneshot::Receiver<()>) {
        loop {
            let end = self.serve(&mut gossip, &mut stop).await;
            let above = gossip.own().1.generation;
            gossip.stop().await;
            let floor = match end {
                End::Stopped | End::Left => break,
                End::Broken(reason) => {
                    tracing::error!(%reason, "gossip ended by a fault; it begins again");
                    self.warn(Warning::GossipRestarted);
                    above
                }
                End::Outranked(generation) => {
                    self.warn(Warning::Outranked { generation });
                    generation
                }
            };
            tokio::select! {
                _ = &mut stop => break,
                again = self.begin_again(floor) => gossip = again,
            }
        }
        self.commands.close();
        while let Some(command) = self.commands.recv().await {
            // One more good-bye is answered as the first; others hear that the service stopped.
            if let (Command::Leave(reply), Some(leaving)) = (command, &mut self.leaving) {
                leaving.waiting.push(reply);
            }
        }
        for reply in self.leaving.into_iter().flat_map(|leaving| leaving.waiting) {
            let _ = reply.send(());
        }
    }

    async fn serve(&mut self, gossip: &mut Gossip, stop: &mut oneshot::Receiver<()>) -> End {
        let mut rounds = interval(self.config.timing.gossip_interval);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut *stop => return End::Stopped,
                Some(command) = self.commands.recv() => self.obey(command, gossip).await,
                Some(warning) = self.socket_warnings.recv() => self.warn(warning),
                news = gossip.news() => {
                    if let News::Ended(reason) = news {
                        return End::Broken(reason);
                    }
                    if let Some(end) = self.observe(gossip).await {
                        return end;
                    }
                }
                _ = rounds.tick() => {
                    if self.say_goodbye(gossip) {
                        return End::Left;
                    }
                    if let Some(end) = self.observe(gossip).await {
                        return end;
                    }
                    self.greet_seeds(gossip);
                }
            }
        }
    }

    /// Begins to gossip under a new generation above `floor`; tries for as long as it takes.
    async fn begin_again(&mut self, floor: u64) -> Gossip {
        loop {
            sleep(RESTART_PAUSE).await;
            ::metrics::counter!(metrics::RESTARTS_TOTAL).increment(1);
            let path = self.config.generation_file.clone();
            let now = self.clock.now_unix_ms();
            let attempt = async {
                let claimed = tasks::claim_generation(path, now, floor).await?;
                let (config, network) = (&self.config, &self.network);
                Gossip::start(
                    config,
                    network,
                    self.addresses,
                    claimed.generation,
                    &self.facts,
                )
                .await
            };
            match attempt.await {
                Ok(gossip) => return gossip,
                Err(error) => tracing::error!(%error, "gossip cannot begin again yet"),
            }
        }
    }

    async fn obey(&mut self, command: Command, gossip: &mut Gossip) {
        let mut facts = self.facts.clone();
        let reply = match command {
            Command::Readiness(readiness, reply) => {
                facts.readiness = readiness;
                Some(reply)
            }
            Command::Draining(draining, reply) => {
                facts.draining = draining;
                Some(reply)
            }
            Command::Leave(reply) => {
                facts.left = true;
                let leaving = self.leaving.get_or_insert(Leaving {
                    rounds_left: LEAVE_ROUNDS,
                    waiting: Vec::new(),
                });
                leaving.waiting.push(reply);
                None
            }
        };
        self.facts = facts;
        // Only flags change after the start, so what fitted then fits now.
        if let Err(error) = gossip.say(&self.facts).await {
            tracing::error!(%error, "this node's gossip state does not fit");
        }
        self.observe(gossip).await;
        if let Some(reply) = reply {
            let _ = reply.send(());
        }
    }

    /// Tells live peers once more, and returns true when that was often enough.
    fn say_goodbye(&mut self, gossip: &Gossip) -> bool {
        let Some(leaving) = &mut self.leaving else {
            return false;
        };
        if leaving.rounds_left == 0 || self.live_peers.is_empty() {
            return true;
        }
        leaving.rounds_left -= 1;
        for peer in &self.live_peers {
            gossip.greet(*peer);
        }
        false
    }

    fn greet_seeds(&mut self, gossip: &Gossip) {
        let seeds = self.seed_addresses.borrow_and_update().clone();
        for seed in self.turns.next(&seeds, self.addresses.1, &self.live_peers) {
            gossip.greet(seed);
        }
    }

    /// Takes in what the gossip knows now and tells readers what that changes.
    pub(super) async fn observe(&mut self, gossip: &mut Gossip) -> Option<End> {
        let now = self.started.elapsed();
        let seen = gossip.sightings().await;
        self.live_peers = seen.live_peers;
        let is_alone = self.live_peers.is_empty();
        self.alone
            .send_if_modified(|alone| std::mem::replace(alone, is_alone) != is_alone);
        for address in seen.malformed {
            self.warn(Warning::Malformed { address });
        }
        let changes = self.roster.observe(now, &seen.all);
        if self.roster.is_overflowing() {
            self.warn(Warning::TooManyNodes { limit: MAX_NODES });
        }
        self.publish(changes);
        let mut end = None;
        for finding in self.claims.observe(now, gossip.own(), &seen.all) {
            match finding {
                Finding::Duplicate { node, addresses } => self.warn(Warning::DuplicateNode {
                    node,
                    local: node == self.config.node_id,
                    addresses,
                }),
                Finding::Outranked { generation } => end = Some(End::Outranked(generation)),
            }
        }
        end
    }

    fn publish(&self, changes: Vec<ClusterChange>) {
        if changes.is_empty() {
            return;
        }
        let before = self.publisher.snapshot();
        for change in &changes {
            let (node, to) = match change {
                ClusterChange::Added(member) | ClusterChange::Updated(member) => {
                    (member.node, member.state.as_str())
                }
                ClusterChange::Removed(member) => (member.node, "removed"),
                ClusterChange::Resync(_) => continue,
            };
            let from = before
                .members
                .get(&node)
                .map(|member| member.state.as_str());
            if from != Some(to) {
                tracing::info!(%node, from = from.unwrap_or("unknown"), to, "member changed");
                ::metrics::counter!(metrics::STATE_CHANGES_TOTAL, "to" => to).increment(1);
            }
        }
        self.publisher.publish(changes);
        let mut counts: BTreeMap<MemberState, u32> = BTreeMap::new();
        for member in self.publisher.snapshot().members.values() {
            *counts.entry(member.state).or_default() += 1;
        }
        for state in MemberState::ALL {
            let count = counts.get(&state).copied().unwrap_or(0);
            ::metrics::gauge!(metrics::MEMBERS, "state" => state.as_str()).set(f64::from(count));
        }
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        if !self.gate.admit(self.started.elapsed(), &warning) {
            return;
        }
        tracing::warn!(kind = warning.kind(), ?warning, "membership warning");
        ::metrics::counter!(metrics::WARNINGS_TOTAL, "kind" => warning.kind()).increment(1);
        self.warnings.give(warning);
    }
}
