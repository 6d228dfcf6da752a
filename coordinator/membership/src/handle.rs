//! The cheap handle that others hold.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use aiex_placement::NodeId;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    Changes, Error, Member, Readiness, Snapshot, Warnings, change::Publisher, warning::WarningBoard,
};

/// What a handle asks of the service.
#[derive(Debug)]
pub(crate) enum Command {
    Readiness(Readiness, oneshot::Sender<()>),
    Draining(bool, oneshot::Sender<()>),
    Leave(oneshot::Sender<()>),
}

/// Reads the members and says what this node wants others to know. Cheap to clone; does not keep the service alive.
#[derive(Clone)]
pub struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) warnings: Arc<WarningBoard>,
    pub(crate) node: NodeId,
    pub(crate) gossip_address: SocketAddr,
    pub(crate) started: Instant,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("node", &self.node)
            .field("gossip_address", &self.gossip_address)
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// Returns this node's id.
    pub fn node_id(&self) -> NodeId {
        self.node
    }

    /// Returns the address under which peers gossip with this node, its real port included.
    pub fn gossip_address(&self) -> SocketAddr {
        self.gossip_address
    }

    /// Returns the time since the service started: the clock of [`Member::since`].
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns all members as this node sees them now, itself included; the last view once the service has ended.
    pub fn members(&self) -> Arc<Snapshot> {
        self.publisher.snapshot()
    }

    /// Returns one member as this node sees it now.
    pub fn member(&self, node: NodeId) -> Option<Member> {
        self.publisher.snapshot().members.get(&node).cloned()
    }

    /// Returns a stream of changes that begins with the whole.
    pub fn subscribe(&self) -> Changes {
        self.publisher.subscribe()
    }

    /// Returns a stream of warnings, the latest of those given so far first.
    pub fn warnings(&self) -> Warnings {
        self.warnings.subscribe()
    }

    /// Says whether this node takes work; it starts as not ready. Peers hear it within a round or two.
    pub async fn set_readiness(&self, readiness: Readiness) -> Result<(), Error> {
        self.ask(|reply| Command::Readiness(readiness, reply)).await
    }

    /// Says whether this node wants to get rid of its work.
    pub async fn set_draining(&self, draining: bool) -> Result<(), Error> {
        self.ask(|reply| Command::Draining(draining, reply)).await
    }

    /// Says good-bye to all live peers and ends the service; returns when the socket is closed.
    ///
    /// It changes no membership of any group: it only spares the peers the doubt.
    pub async fn leave(&self) -> Result<(), Error> {
        self.ask(Command::Leave).await
    }

    async fn ask(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)
    }
}
