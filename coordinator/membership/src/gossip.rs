//! The gossip library at work: started under one generation, read as sightings.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    pin::Pin,
};

use aiex_placement::NodeId;
use chitchat::{
    ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, NodeState, ProtocolVersion,
    Version, spawn_chitchat,
};
use tokio::sync::watch;

use crate::{
    Config, Error,
    generation::MAX_GENERATION,
    member::{Facts, Incarnation},
    network::Network,
    roster::Sighting,
};

/// Heartbeat intervals the failure detector averages over.
const SAMPLES: usize = 1_000;

/// One run of the gossip under one generation.
pub(crate) struct Gossip {
    handle: ChitchatHandle,
    own: (NodeId, Incarnation),
    live: watch::Receiver<BTreeMap<ChitchatId, NodeState>>,
    ended: Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
    /// Keys as read at a version, so that each is read once.
    read: HashMap<ChitchatId, (Version, Option<Facts>)>,
}

/// What the gossip has to tell.
#[derive(Debug)]
pub(crate) enum News {
    Changed,
    /// A broken socket or a panic; nothing comes after it.
    Ended(String),
}

/// Everything the gossip knows at one moment.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    pub(crate) all: Vec<Sighting>,
    /// Where live peers are, this node not among them.
    pub(crate) live_peers: BTreeSet<SocketAddr>,
    /// Nodes that live and say nothing that can be read.
    pub(crate) malformed: Vec<SocketAddr>,
}

impl Gossip {
    /// Starts to gossip `facts` under `generation` over the socket that `network` has bound.
    pub(crate) async fn start(
        config: &Config,
        network: &Network,
        (bound, advertised): (SocketAddr, SocketAddr),
        generation: u64,
        facts: &Facts,
    ) -> Result<Self, Error> {
        let name = config.node_id.0.to_string();
        let pairs = facts.encode(config.node_id)?;
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let settings = settings(config, ChitchatId::new(name, generation, advertised), bound);
        let handle = spawn_chitchat(settings, pairs, network)
            .await
            .map_err(|error| Error::Listen {
                address: bound,
                reason: format!("{error:#}"),
            })?;
        let live = handle.chitchat().lock().await.live_nodes_watcher();
        let incarnation = Incarnation {
            generation,
            address: advertised,
        };
        Ok(Self {
            ended: Box::pin(handle.termination_watcher()),
            own: (config.node_id, incarnation),
            live,
            handle,
            read: HashMap::new(),
        })
    }

    pub(crate) fn own(&self) -> (NodeId, Incarnation) {
        self.own
    }

    /// Waits until liveness or keys of somebody have changed, or the gossip ended unasked. Cancel-safe.
    pub(crate) async fn news(&mut self) -> News {
        tokio::select! {
            changed = self.live.changed() => match changed {
                Ok(()) => News::Changed,
                Err(_) => News::Ended("it let go of its state".to_owned()),
            },
            end = &mut self.ended => News::Ended(match end {
                Ok(()) => "it stopped".to_owned(),
                Err(error) => format!("{error:#}"),
            }),
        }
    }

    /// Replaces what this node says of itself.
    pub(crate) async fn say(&mut self, facts: &Facts) -> Result<(), Error> {
        let pairs = facts.encode(self.own.0)?;
        let chitchat = self.handle.chitchat();
        let mut chitchat = chitchat.lock().await;
        let state = chitchat.self_node_state();
        for (key, value) in &pairs {
            state.set(key, value);
        }
        Ok(())
    }

    /// Begins an exchange with `address` now.
    pub(crate) fn greet(&self, address: SocketAddr) {
        // A stopped gossip is told by `ended`.
        let _ = self.handle.gossip(address);
    }

    /// Reads everything that is known now.
    pub(crate) async fn sightings(&mut self) -> Sightings {
        let chitchat = self.handle.chitchat();
        let chitchat = chitchat.lock().await;
        let own = chitchat.self_chitchat_id().clone();
        let live: BTreeSet<&ChitchatId> = chitchat.live_nodes().collect();
        let mut found = Sightings::default();
        for (id, state) in chitchat.node_states() {
            let is_live = live.contains(id);
            if is_live && *id != own {
                found.live_peers.insert(id.gossip_advertise_addr);
            }
            match self.sighting(id, state, is_live) {
                Some(sighting) => {
                    if is_live && sighting.facts.is_none() && state.num_key_values() > 0 {
                        found.malformed.push(id.gossip_advertise_addr);
                    }
                    found.all.push(sighting);
                }
                None => found.malformed.push(id.gossip_advertise_addr),
            }
        }
        self.read
            .retain(|id, _| chitchat.node_states().contains_key(id));
        found
    }

    fn sighting(&mut self, id: &ChitchatId, state: &NodeState, live: bool) -> Option<Sighting> {
        let node = NodeId(id.node_id.parse().ok()?);
        if id.generation_id > MAX_GENERATION {
            return None;
        }
        let version = state.max_version();
        let known = self
            .read
            .get(id)
            .filter(|(read_at, _)| *read_at == version)
            .map(|(_, facts)| facts.clone());
        let facts = known.unwrap_or_else(|| {
            let facts = read_facts(state);
            self.read.insert(id.clone(), (version, facts.clone()));
            facts
        });
        Some(Sighting {
            node,
            incarnation: Incarnation {
                generation: id.generation_id,
                address: id.gossip_advertise_addr,
            },
            live,
            heartbeat: state.heartbeat().into(),
            facts,
        })
    }

    /// Stops without a word to peers and waits until the socket is closed.
    pub(crate) async fn stop(self) {
        if let Err(error) = self.handle.shutdown().await {
            tracing::debug!(error = format!("{error:#}"), "gossip ended with an error");
        }
    }
}

fn settings(config: &Config, id: ChitchatId, listen: SocketAddr) -> ChitchatConfig {
    let timing = &config.timing;
    ChitchatConfig {
        chitchat_id: id,
        cluster_id: config.cluster_id.to_string(),
        gossip_interval: timing.gossip_interval,
        listen_addr: listen,
        // Seeds are ours to find: the library looks names up once a minute only, and blocks the start on them.
        seed_nodes: Vec::new(),
        failure_detector_config: FailureDetectorConfig {
            phi_threshold: timing.phi,
            sampling_window_size: SAMPLES,
            max_interval: timing.max_interval,
            initial_interval: timing.initial_interval,
            dead_node_grace_period: timing.dead_grace,
        },
        marked_for_deletion_grace_period: timing.dead_grace,
        catchup_callback: None,
        extra_liveness_predicate: Some(Box::new(|state| read_facts(state).is_some())),
        protocol_version: ProtocolVersion::V1,
    }
}

fn read_facts(state: &NodeState) -> Option<Facts> {
    let size = state.key_values().map(|(k, v)| k.len() + v.len()).sum();
    let name = &state.chitchat_id().node_id;
    Facts::decode(name, size, |key| state.get(key)).map(|(_, facts)| facts)
}
