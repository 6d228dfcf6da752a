//! The running part: gossips, watches and publishes until it is stopped or leaves.

use std::{net::SocketAddr, sync::Arc};

use chitchat::transport::{Transport, UdpTransport};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    Config, Error, Handle, Resolve, WallClock, Warning,
    change::Publisher,
    claims::Claims,
    gossip::Gossip,
    network::Network,
    roster::Roster,
    seeds::SeedTurns,
    tasks,
    warning::{WarningBoard, WarningGate},
};
use watcher::Watcher;

mod watcher;

/// Commands that wait for the service.
const COMMANDS_QUEUED: usize = 16;
/// Warnings of the socket that wait for the service.
const SOCKET_WARNINGS_QUEUED: usize = 64;

/// This node's membership while it runs. Dropping it ends the gossip without a good-bye.
#[derive(Debug)]
pub struct Service {
    handle: Handle,
    /// Its end, by value or by drop, asks the watch to end.
    stop: oneshot::Sender<()>,
    watch: JoinHandle<()>,
}

/// What reaches in from outside.
pub(crate) struct Rim {
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) transport: Arc<dyn Transport>,
}

impl Service {
    /// Claims a generation, opens the socket and begins to gossip. Must be called inside a tokio runtime.
    ///
    /// Peers need not be there: a node that finds none is alone and keeps looking. Fails when a setting cannot be used,
    /// the address is taken or the generation file cannot be kept.
    pub async fn start(
        config: Config,
        clock: Arc<dyn WallClock>,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, Error> {
        let transport = Arc::new(UdpTransport);
        Self::start_over(
            config,
            Rim {
                clock,
                resolver,
                transport,
            },
        )
        .await
    }

    pub(crate) async fn start_over(config: Config, rim: Rim) -> Result<Self, Error> {
        let seeds = config.check()?;
        let (socket_tx, socket_warnings) = mpsc::channel(SOCKET_WARNINGS_QUEUED);
        let network = Network::new(rim.transport, config.cluster_id.to_string(), socket_tx);
        let bound = network.bind(config.listen).await?;
        let addresses = (bound, config.advertised(bound));
        let path = config.generation_file.clone();
        let claimed = tasks::claim_generation(path, rim.clock.now_unix_ms(), 0).await?;
        let facts = config.facts();
        let gossip =
            Gossip::start(&config, &network, addresses, claimed.generation, &facts).await?;
        let (found, seed_addresses) = watch::channel(Default::default());
        let (alone, alone_rx) = watch::channel(true);
        let (commands_tx, commands) = mpsc::channel(COMMANDS_QUEUED);
        let (publisher, changes) = Publisher::new();
        let (warnings, warning_sender) = WarningBoard::new();
        let handle = Handle {
            commands: commands_tx,
            publisher: Arc::clone(&publisher),
            warnings: Arc::clone(&warnings),
            node: config.node_id,
            gossip_address: addresses.1,
            started: Instant::now(),
        };
        let resolving = tasks::spawn_resolver(seeds, rim.resolver, found, alone_rx);
        let mut watcher = Watcher {
            roster: Roster::new(config.timing),
            claims: Claims::new(config.timing),
            gate: WarningGate::default(),
            turns: SeedTurns::default(),
            started: handle.started,
            live_peers: Default::default(),
            seed_addresses,
            alone,
            publisher,
            warnings,
            network,
            clock: rim.clock,
            addresses,
            facts,
            config,
            commands,
            socket_warnings,
            leaving: None,
            _open: (changes, warning_sender, resolving),
        };
        if claimed.damaged {
            watcher.warn(Warning::GenerationDamaged);
        }
        let mut gossip = gossip;
        watcher.observe(&mut gossip).await;
        let (stop, stopped) = oneshot::channel();
        let watch = tasks::spawn_watch(watcher.run(gossip, stopped));
        Ok(Self {
            handle,
            stop,
            watch,
        })
    }

    /// Returns a handle; it may outlive the service and then answers [`Error::Stopped`].
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops without a good-bye, so that peers see this node as suspect soon; returns when the socket is closed.
    ///
    /// A planned end calls [`Handle::leave`] first.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if self.watch.await.is_err() {
            tracing::error!("the membership watch ended by a panic");
        }
    }
}

/// What must stay open while the watch runs: its streams to readers, and its lookups.
type Open = (
    broadcast::Sender<(u64, crate::ClusterChange)>,
    broadcast::Sender<Warning>,
    tasks::Owned,
);

/// Where it is bound and where peers reach it.
type Addresses = (SocketAddr, SocketAddr);

#[cfg(test)]
mod tests;
