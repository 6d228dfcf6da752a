//! How a node stops: one linear function, and what asks for it.

use crate::app::App;
use aiex_api::Life;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// What asks a node to stop. Listening begins before the node says it is ready, so that no signal finds it deaf.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Begins to listen.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves on SIGTERM or SIGINT, also one that came before the call.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Not ready → streams end with a hint → turns stop at a safe point → groups stop → disks flush → telemetry flushes.
/// A second signal leaves at once; nothing acknowledged depends on this order.
pub(crate) async fn run(app: App, mut signals: StopSignals) -> anyhow::Result<()> {
    let grace = Duration::from_millis(app.shutdown_grace_ms);
    let orderly = in_order(app);
    tokio::select! {
        done = tokio::time::timeout(grace, orderly) => match done {
            Ok(done) => done,
            Err(_) => anyhow::bail!("shutdown took longer than {} ms; what was acknowledged is on disk", grace.as_millis()),
        },
        () = signals.asked() => {
            anyhow::bail!("stopped at once by a second signal; what was acknowledged is on disk")
        }
    }
}

/// Running calls get their time; a client that never finishes its own must not keep the disks from being closed.
async fn end_port(
    mut port: JoinHandle<Result<(), aiex_api::Error>>,
    grace: Duration,
) -> anyhow::Result<()> {
    match tokio::time::timeout(grace, &mut port).await {
        Ok(ended) => Ok(ended??),
        Err(_) => {
            tracing::warn!("clients were cut off: they did not finish in time");
            port.abort();
            Ok(())
        }
    }
}

async fn in_order(app: App) -> anyhow::Result<()> {
    let port_grace = Duration::from_millis(app.shutdown_grace_ms / 4);
    tracing::info!("stopping");
    app.rooms.readiness.set(Life::Draining);
    app.rooms.stopping.cancel();
    app.rooms.agent.shutdown().await;
    app.rooms.tracker.close();
    app.rooms.tracker.wait().await;
    app.stop_clients.cancel();
    end_port(app.client_port, port_grace).await?;
    app.coordinator.shutdown().await?;
    app.stop_operations.cancel();
    end_port(app.operations_port, port_grace).await?;
    tracing::info!("stopped");
    app.telemetry.shutdown().await;
    Ok(())
}
