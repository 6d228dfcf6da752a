//! What the services stand on, wired once at start.

use crate::tokens::TokenDirectory;
use aiex_agent::Agent;
use aiex_context::WorkspaceStore;
use aiex_coordinator::Handle;
use aiex_llm::Gateway;
use aiex_proto::v1;
use aiex_session::SessionId;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The parts of a node that the edge speaks to.
pub struct Rooms {
    pub agent: Agent,
    pub gateway: Arc<Gateway>,
    pub workspaces: Arc<WorkspaceStore>,
    pub coordinator: Handle,
    pub tokens: Arc<TokenDirectory>,
    pub metrics: aiex_telemetry::MetricsText,
    pub readiness: Readiness,
    /// Cancelled when the node stops: streams end with a hint to attach again.
    pub stopping: CancellationToken,
    pub tracker: TaskTracker,
    pub started: Instant,
    /// Address clients reach this node at.
    pub client_address: String,
}

/// What a node says of itself to probes.
#[derive(Clone, Default)]
pub struct Readiness {
    state: Arc<std::sync::atomic::AtomicU8>,
}

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Starting,
    Ready,
    Draining,
}

impl Readiness {
    /// Says where the node is.
    pub fn set(&self, life: Life) {
        self.state
            .store(life as u8, std::sync::atomic::Ordering::Release);
    }

    /// Where the node is.
    pub fn get(&self) -> Life {
        match self.state.load(std::sync::atomic::Ordering::Acquire) {
            0 => Life::Starting,
            1 => Life::Ready,
            _ => Life::Draining,
        }
    }
}

/// Memory the process holds now, from the kernel's own account; 0 where there is none.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| {
            let resident = text.split_whitespace().nth(1)?;
            resident.parse::<u64>().ok()
        });
    pages.unwrap_or(0).saturating_mul(PAGE_BYTES)
}

impl Rooms {
    pub(crate) fn node_id(&self) -> String {
        self.coordinator.node_id().to_string()
    }

    pub(crate) fn shard_of(&self, session: SessionId) -> u32 {
        u32::from(self.coordinator.shard_of(session.as_bytes()).0)
    }

    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    pub(crate) fn shard_statuses(&self) -> Vec<v1::ShardStatus> {
        self.coordinator
            .status()
            .into_iter()
            .filter_map(|group| group.shard.map(|shard| (shard, group)))
            .map(|(number, shard)| v1::ShardStatus {
                shard: u32::from(number.0),
                leader_node: shard
                    .leader
                    .map(|node| node.to_string())
                    .unwrap_or_default(),
                replicas: shard.replicas.iter().map(ToString::to_string).collect(),
                last_log_index: shard.last_log_index,
                applied_index: shard.applied_index,
                term: shard.term,
            })
            .collect()
    }

    pub(crate) fn node_status(&self) -> v1::NodeStatus {
        let node = self.node_id();
        let shards = self.shard_statuses();
        let led = shards
            .iter()
            .filter(|shard| shard.leader_node == node)
            .count();
        v1::NodeStatus {
            node_id: node,
            cluster_id: self.coordinator.cluster_id().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            client_address: self.client_address.clone(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            shards_led: u32::try_from(led).unwrap_or(u32::MAX),
            shards_total: u32::try_from(shards.len()).unwrap_or(u32::MAX),
            state: match self.readiness.get() {
                Life::Starting => "starting",
                Life::Ready => "ready",
                Life::Draining => "draining",
            }
            .to_owned(),
            rss_bytes: resident_bytes(),
        }
    }
}
