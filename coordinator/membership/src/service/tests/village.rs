//! Nodes on one network in memory, started and watched by tests.

use super::super::{Rim, Service};
use crate::{
    Changes, ClusterChange, Config, Handle, MemberState, Resolve, Resolving, Snapshot, Timing,
    WallClock, Warning,
};
use aiex_placement::NodeId;
use chitchat::transport::{ChannelTransport, Transport};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;
use uuid::Uuid;

/// Virtual time in which everything a test waits for must have come.
const DEADLINE: Duration = Duration::from_secs(120);
pub(super) const CLUSTER: Uuid = Uuid::from_u128(0xa1e);

/// A clock of the day that tests set.
pub(super) struct SetClock(pub(super) AtomicU64);

impl WallClock for SetClock {
    fn now_unix_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Names that tests give and take.
#[derive(Default)]
pub(super) struct Names(pub(super) Mutex<BTreeMap<String, Vec<SocketAddr>>>);

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str, _port: u16) -> Resolving<'a> {
        let known = self.0.lock().unwrap().get(host).cloned();
        Box::pin(async move { known.ok_or_else(|| io::ErrorKind::NotFound.into()) })
    }
}

pub(super) struct Village {
    pub(super) network: ChannelTransport,
    pub(super) clock: Arc<SetClock>,
    pub(super) names: Arc<Names>,
    directory: tempfile::TempDir,
}

impl Village {
    pub(super) fn new() -> Self {
        Self {
            network: ChannelTransport::default(),
            clock: Arc::new(SetClock(AtomicU64::new(1_000_000))),
            names: Arc::default(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn generation_file(&self, node: u64) -> PathBuf {
        self.directory.path().join(format!("GENERATION-{node}"))
    }

    /// A node at its own address, with node 1 as its seed.
    pub(super) fn config(&self, node: u64) -> Config {
        Config {
            listen: address(node),
            advertise: None,
            cluster_id: CLUSTER,
            node_id: NodeId(node),
            seeds: vec![address(1).to_string()],
            generation_file: self.generation_file(node),
            client_address: format!("node-{node}:7400"),
            peer_address: format!("node-{node}:7401"),
            zone: format!("zone-{}", node % 3),
            version: "0.1.0".to_owned(),
            storage_epoch: node,
            timing: Timing::default(),
        }
    }

    pub(super) async fn start_as(&self, config: Config) -> Service {
        self.start_over(config, Arc::new(self.network.clone()))
            .await
    }

    pub(super) async fn start_over(
        &self,
        config: Config,
        transport: Arc<dyn Transport>,
    ) -> Service {
        let rim = Rim {
            clock: Arc::clone(&self.clock) as Arc<dyn WallClock>,
            resolver: Arc::clone(&self.names) as Arc<dyn Resolve>,
            transport,
        };
        Service::start_over(config, rim).await.unwrap()
    }

    pub(super) async fn start(&self, node: u64) -> Service {
        self.start_as(self.config(node)).await
    }

    /// Starts nodes 1 to `count` and waits until all see all.
    pub(super) async fn settle(&self, count: u64) -> Vec<Service> {
        let mut services = Vec::new();
        for node in 1..=count {
            services.push(self.start(node).await);
        }
        for service in &services {
            until(&service.handle(), |seen| {
                seen.members.len() as u64 == count
                    && seen
                        .members
                        .values()
                        .all(|member| member.state == MemberState::Up)
            })
            .await;
        }
        services
    }
}

/// Where a node of a village gossips.
pub(super) fn address(node: u64) -> SocketAddr {
    ([10, 0, 0, u8::try_from(node).unwrap()], 7402).into()
}

/// Waits until a node's view is as wanted; says what it is if that never comes.
pub(super) async fn until(handle: &Handle, wanted: impl Fn(&Snapshot) -> bool) {
    let mut changes = handle.subscribe();
    let waited = timeout(DEADLINE, async {
        while !wanted(&handle.members()) {
            changes.next().await.expect("the stream ended");
        }
    });
    if waited.await.is_err() {
        panic!(
            "never came; node {} sees {:#?}",
            handle.node_id(),
            handle.members()
        );
    }
}

pub(super) fn state(seen: &Snapshot, node: u64) -> Option<MemberState> {
    seen.members.get(&NodeId(node)).map(|member| member.state)
}

pub(super) async fn until_state(handle: &Handle, node: u64, wanted: MemberState) {
    until(handle, |seen| state(seen, node) == Some(wanted)).await;
}

/// Waits for a warning.
pub(super) async fn until_warned(handle: &Handle, wanted: impl Fn(&Warning) -> bool) {
    let mut warnings = handle.warnings();
    let waited = timeout(DEADLINE, async {
        while !wanted(&warnings.next().await.expect("the stream ended")) {}
    });
    assert!(waited.await.is_ok(), "never warned");
}

/// Lets virtual time pass while everybody goes on.
pub(super) async fn pass(time: Duration) {
    let never = timeout(time, std::future::pending::<()>());
    assert!(never.await.is_err());
}

/// Reads what waits in a stream and tells the states of one node, in order, repeats left out.
pub(super) async fn told(changes: &mut Changes, node: u64) -> Vec<String> {
    let mut states: Vec<String> = Vec::new();
    while let Ok(Some(change)) = timeout(Duration::ZERO, changes.next()).await {
        let text = match &change {
            ClusterChange::Resync(whole) => match whole.members.get(&NodeId(node)) {
                Some(member) => member.state.to_string(),
                None => continue,
            },
            ClusterChange::Added(member) | ClusterChange::Updated(member)
                if member.node == NodeId(node) =>
            {
                member.state.to_string()
            }
            ClusterChange::Removed(member) if member.node == NodeId(node) => "removed".to_owned(),
            _ => continue,
        };
        if states.last() != Some(&text) {
            states.push(text);
        }
    }
    states
}
