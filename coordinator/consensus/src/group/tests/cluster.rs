//! Several nodes in one process, over real connections that can be cut.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;
use crate::{GroupMembership, PeerConfig, PeerSecurity};

/// Whatever is waited for comes within this time, or never.
pub(super) const LIMIT: Duration = Duration::from_secs(20);
pub(super) const GROUPS: [GroupId; 2] = [GroupId(1), GroupId(2)];

/// The wire from one node to another; loses everything while cut.
struct Cable {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    _task: JoinSet<()>,
}

impl Cable {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, watched) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut watched = watched.clone();
                if *watched.borrow() {
                    continue;
                }
                open.spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else {
                        return;
                    };
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = watched.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self {
            address,
            cut,
            _task: task,
        }
    }
}

pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) state: SimState,
    pub(super) link: PeerLink,
    pub(super) groups: Vec<Group>,
    address: String,
    disk: SimDisk,
}

impl Node {
    pub(super) fn group(&self, id: GroupId) -> &Group {
        self.groups.iter().find(|group| group.id == id).unwrap()
    }

    /// Everything that a group's machine has written here.
    pub(super) fn content(&self, id: GroupId) -> Vec<(Vec<u8>, Vec<u8>)> {
        let replica = self.state.replica(id, GENERATION).unwrap();
        replica.view().scan(b"", b"", 100_000).unwrap()
    }

    /// Stops as a killed process does: the others only see its connections break.
    pub(super) async fn kill(self) {
        self.link.shutdown().await;
        for group in &self.groups {
            group.shutdown().await.unwrap();
        }
    }
}

pub(super) struct Cluster {
    pub(super) nodes: BTreeMap<NodeId, Node>,
    cables: BTreeMap<(NodeId, NodeId), Cable>,
}

impl Cluster {
    /// Starts `count` nodes, the first `voters` of which vote in every group.
    pub(super) async fn start(count: u64, voters: u64) -> Self {
        let mut nodes = BTreeMap::new();
        for id in (1..=count).map(NodeId) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let config = PeerConfig {
                cluster: [7; 16],
                node: id,
                security: PeerSecurity::Insecure,
            };
            let link = PeerLink::start(config, listener).unwrap();
            let node = Node {
                id,
                address: link.address().to_string(),
                state: SimState::default(),
                link,
                groups: Vec::new(),
                disk: SimDisk::default(),
            };
            nodes.insert(id, node);
        }
        let mut cluster = Self {
            nodes,
            cables: BTreeMap::new(),
        };
        for (from, to) in cluster.pairs() {
            let cable = Cable::to(cluster.nodes[&to].link.address()).await;
            let address = cable.address.to_string();
            cluster.nodes[&from].link.set_address(to, address);
            cluster.cables.insert((from, to), cable);
        }
        let bootstrap: BTreeMap<_, _> = cluster
            .nodes
            .values()
            .take(voters as usize)
            .map(|node| (node.id, node.address.clone()))
            .collect();
        for node in cluster.nodes.values_mut() {
            let first = bootstrap.contains_key(&node.id);
            let log: Arc<SimLog> = Arc::new(node.disk.open_log(LogConfig::default()).unwrap());
            for group in GROUPS {
                let parts = GroupParts {
                    group,
                    node: node.id,
                    settings: Settings::SHARD,
                    log: Arc::clone(&log) as _,
                    state: Arc::new(node.state.clone()),
                    machine: Arc::new(Counter),
                };
                let replication = Replication {
                    link: node.link.clone(),
                    bootstrap: first.then(|| bootstrap.clone()),
                };
                let started = Group::start_replicated(parts, replication).await;
                node.groups.push(started.unwrap());
            }
        }
        for node in cluster.nodes.values().take(voters as usize) {
            for group in &node.groups {
                group.ready(LIMIT).await.unwrap();
            }
        }
        cluster
    }

    fn pairs(&self) -> Vec<(NodeId, NodeId)> {
        let ids: Vec<_> = self.nodes.keys().copied().collect();
        let all = ids.iter().flat_map(|a| ids.iter().map(move |b| (*a, *b)));
        all.filter(|(a, b)| a != b).collect()
    }

    /// Cuts `node` off in both directions, or joins it again.
    pub(super) fn isolate(&self, node: NodeId, cut: bool) {
        for ((from, to), cable) in &self.cables {
            if *from == node || *to == node {
                cable.cut.send_replace(cut);
            }
        }
    }

    /// Waits until some node but `not` leads `id`.
    pub(super) async fn leader(&self, id: GroupId, not: Option<NodeId>) -> NodeId {
        let waits = self
            .nodes
            .values()
            .filter(|n| Some(n.id) != not)
            .map(|node| {
                let (raft, own) = (node.group(id).raft.clone(), node.id);
                Box::pin(async move {
                    let wait = raft.wait(Some(LIMIT));
                    wait.metrics(|m| m.state == openraft::ServerState::Leader, "leadership")
                        .await
                        .unwrap();
                    own
                })
            });
        futures_util::future::select_all(waits).await.0
    }

    /// Adds to `key` at whoever leads, until it is acknowledged.
    pub(super) async fn add(&self, id: GroupId, key: &str) -> u64 {
        let deadline = Instant::now() + LIMIT;
        loop {
            let leader = self.leader(id, None).await;
            match add(self.nodes[&leader].group(id), key).await {
                Ok(total) => return total,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until every node has applied what the leader of `id` has.
    pub(super) async fn converge(&self, id: GroupId) {
        let leader = self.leader(id, None).await;
        // Not from the metrics: they follow an acknowledgement, this one goes before it.
        let index = *self.nodes[&leader].group(id).applied().borrow();
        for node in self.nodes.values() {
            let mut applied = node.group(id).applied();
            let reached = applied.wait_for(|at| *at >= index);
            let reached = tokio::time::timeout(LIMIT, reached).await;
            reached.expect("what the leader has").unwrap();
        }
    }

    /// Asserts that all nodes hold the same.
    pub(super) fn agree(&self, id: GroupId) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut contents = self.nodes.values().map(|node| (node.id, node.content(id)));
        let (first, content) = contents.next().unwrap();
        for (node, other) in contents {
            assert_eq!(
                content, other,
                "group {id}: nodes {first} and {node} differ"
            );
        }
        content
    }

    pub(super) async fn membership(&self, id: GroupId) -> GroupMembership {
        let leader = self.leader(id, None).await;
        self.nodes[&leader].group(id).membership()
    }

    pub(super) async fn stop(self) {
        for node in self.nodes.into_values() {
            node.kill().await;
        }
    }
}
