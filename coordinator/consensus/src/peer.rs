//! The peer link of a node: its groups' way to the other nodes, and theirs to it.
//!
//! Between two nodes run two connections in each direction, *control* for votes, heartbeats and transfers and *append*
//! for entries, each one stream that all groups share. A connection is refused unless both sides name the same cluster
//! and each other's node id. Snapshots are not carried yet. Ends with [`PeerLink::shutdown`].

mod client;
mod connection;
mod lane;
mod pending;
mod routes;
mod security;
mod service;
mod serving;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aiex_placement::NodeId;
use aiex_storage::GroupId;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Error, tasks};

pub(crate) use client::GroupNetwork;
use connection::Channel;
pub(crate) use connection::Connection;
use pending::Wire;
use routes::Routes;
pub use security::{PeerSecurity, PeerTls};
pub(crate) use serving::Serving;

/// Frames that wait for one connection at most.
const QUEUE_FRAMES: usize = 1024;
/// Messages handed to the transport ahead of the network.
const QUEUE_MESSAGES: usize = 2;
/// Frames in one message at most.
const MESSAGE_FRAMES: usize = 256;
/// Bytes of frames after which a message takes no more.
const MESSAGE_BYTES: usize = 256 << 10;
/// Largest message accepted: one full batch and one entry that is as large as entries can be.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
/// Appends of one lane without an answer at most.
const LANE_APPENDS: usize = 32;
/// Bytes of one lane without an answer, after which it sends no more.
const LANE_BYTES: usize = 4 << 20;
/// Questions of one connection that are answered at the same time.
const MAX_CALLS: usize = 1024;
/// A lane without an answer for this long has stalled.
const LANE_STALL: Duration = Duration::from_secs(5);
/// Longest wait for a connection to open.
const DIAL: Duration = Duration::from_secs(1);
/// First and longest pause between attempts to connect; the true one is random between half of it and all of it.
const REDIAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(1000));
/// HTTP/2 windows of a stream and of a connection, in bytes.
const WINDOWS: (u32, u32) = (2 << 20, 8 << 20);
/// A silent connection is probed this often, and given up when the probe is not answered for as long.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Metadata that carries the hello.
const HELLO: &str = "aiex-hello-bin";

/// What a peer link needs to know.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// The cluster's own id; nodes of another one are refused.
    pub cluster: [u8; 16],
    /// This node.
    pub node: NodeId,
    /// How connections are protected.
    pub security: PeerSecurity,
}

/// What went over the connections that this node opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounts {
    /// Messages sent.
    pub messages: u64,
    /// Frames sent in them; more frames than messages means that groups share.
    pub frames: u64,
    /// Messages that carried frames of more than one group.
    pub shared: u64,
}

#[derive(Default)]
struct Counters {
    messages: AtomicU64,
    frames: AtomicU64,
    shared: AtomicU64,
}

impl Counters {
    fn sent(&self, batch: &wire::v1::Batch) {
        let groups: BTreeSet<_> = batch.frames.iter().map(|frame| frame.group).collect();
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.frames
            .fetch_add(batch.frames.len() as u64, Ordering::Relaxed);
        if groups.len() > 1 {
            self.shared.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The connections to one node.
struct Peer {
    node: NodeId,
    control: Wire,
    append: Wire,
    cancel: CancellationToken,
}

/// The running peer link of a node. Cheap to clone; all clones are the same link.
#[derive(Clone)]
pub struct PeerLink {
    inner: Arc<Inner>,
}

struct Inner {
    config: PeerConfig,
    address: SocketAddr,
    routes: Arc<Routes>,
    peers: Mutex<BTreeMap<NodeId, Arc<Peer>>>,
    addresses: Arc<Mutex<BTreeMap<NodeId, String>>>,
    counters: Arc<Counters>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl PeerLink {
    /// Serves peers on `listener`. Connections to others open when a group first needs them.
    ///
    /// # Errors
    /// [`Error::PeerLink`] when the certificates are not usable or the listener has no address.
    pub fn start(config: PeerConfig, listener: TcpListener) -> Result<Self, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::PeerLink {
            reason: e.to_string(),
        };
        let address = listener.local_addr().map_err(|e| failed(&e))?;
        // Found out here, not at the first connection.
        config.security.endpoint("localhost:1")?;
        let inner = Inner {
            address,
            routes: Arc::default(),
            peers: Mutex::default(),
            addresses: Arc::default(),
            counters: Arc::default(),
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
        };
        let server = service::server(
            &inner.config,
            Arc::clone(&inner.routes),
            &inner.cancel,
            &inner.tasks,
            listener,
        )?;
        tasks::spawn_peer_server(&inner.tasks, server);
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Returns the address that peers are served on.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Returns this node.
    pub fn node(&self) -> NodeId {
        self.inner.config.node
    }

    /// Says where `node` is now, whatever the membership says. Takes effect with the next connection.
    pub fn set_address(&self, node: NodeId, address: String) {
        lock(&self.inner.addresses).insert(node, address);
    }

    /// Closes the connections to `node`, for one that has left. A group that still wants it opens new ones.
    pub fn forget(&self, node: NodeId) {
        lock(&self.inner.addresses).remove(&node);
        if let Some(peer) = lock(&self.inner.peers).remove(&node) {
            peer.cancel.cancel();
        }
    }

    /// Returns what was sent so far.
    pub fn counts(&self) -> PeerCounts {
        let counters = &self.inner.counters;
        PeerCounts {
            messages: counters.messages.load(Ordering::Relaxed),
            frames: counters.frames.load(Ordering::Relaxed),
            shared: counters.shared.load(Ordering::Relaxed),
        }
    }

    /// Closes every connection and waits until the last task has ended. Groups see their peers as unreachable then.
    pub async fn shutdown(&self) {
        self.inner.cancel.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Lets peers reach a group.
    pub(crate) fn add_route(&self, id: GroupId, group: routes::Group) {
        self.inner.routes.add(id, group);
    }

    /// Ends that.
    pub(crate) fn remove_route(&self, id: GroupId) {
        self.inner.routes.remove(id);
    }

    /// Returns the connections to `node`, opened when they are not; `address` is where the membership says it is.
    fn peer(&self, node: NodeId, address: &str) -> Arc<Peer> {
        let inner = &self.inner;
        let mut peers = lock(&inner.peers);
        if let Some(peer) = peers.get(&node) {
            return Arc::clone(peer);
        }
        let cancel = inner.cancel.child_token();
        let open = |channel| {
            let (wire, queue, state) = Wire::new();
            let connection = Connection {
                config: inner.config.clone(),
                node,
                channel,
                address: address.to_owned(),
                addresses: Arc::clone(&inner.addresses),
                pending: Arc::clone(&wire.pending),
                queue,
                state,
                counters: Arc::clone(&inner.counters),
            };
            tasks::spawn_connection(&inner.tasks, cancel.clone(), connection);
            wire
        };
        let peer = Arc::new(Peer {
            node,
            control: open(Channel::Control),
            append: open(Channel::Append),
            cancel: cancel.clone(),
        });
        peers.insert(node, Arc::clone(&peer));
        peer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
