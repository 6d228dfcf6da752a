//! Every task this crate spawns.
//!
//! | task | owner | ends |
//! |---|---|---|
//! | proposer | [`crate::Group`] | when the group is shut down and its queue is empty |
//! | peer server | [`crate::PeerLink`] | when the link is shut down and every connection is closed |
//! | connection, two per peer | [`crate::PeerLink`] | when the link is shut down or forgets the peer |
//! | serving, one per accepted connection | [`crate::PeerLink`] | when the link is shut down or the peer is gone |

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    peer::{Connection, Serving},
    proposer::Proposer,
};

/// Starts the proposer of a group.
#[allow(clippy::disallowed_methods, reason = "the one file that spawns")]
pub(crate) fn spawn_proposer(proposer: Proposer) -> JoinHandle<()> {
    tokio::spawn(proposer.run())
}

/// Starts the server of a peer link, which ends by itself when the link is cancelled.
pub(crate) fn spawn_peer_server(
    tasks: &TaskTracker,
    server: impl Future<Output = ()> + Send + 'static,
) {
    tasks.spawn(server);
}

/// Starts one connection to a peer.
pub(crate) fn spawn_connection(
    tasks: &TaskTracker,
    cancel: CancellationToken,
    connection: Connection,
) {
    tasks.spawn(async move { cancel.run_until_cancelled(connection.run()).await });
}

/// Starts to serve one connection of a peer.
pub(crate) fn spawn_serving(tasks: &TaskTracker, cancel: CancellationToken, serving: Serving) {
    tasks.spawn(async move { cancel.run_until_cancelled(serving.run()).await });
}
