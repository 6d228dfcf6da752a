//! How a node stops: one linear function, and what asks for it.

use crate::app::App;
use aiex_api::Life;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Resolves on SIGTERM or SIGINT.
pub(crate) async fn asked() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Not ready → streams end with a hint → turns stop at a safe point → groups stop → disks flush → telemetry flushes.
/// A second signal leaves at once; nothing acknowledged depends on this order.
pub(crate) async fn run(app: App) -> anyhow::Result<()> {
    let grace = Duration::from_millis(app.shutdown_grace_ms);
    let orderly = in_order(app);
    tokio::select! {
        done = tokio::time::timeout(grace, orderly) => match done {
            Ok(done) => done,
            Err(_) => anyhow::bail!("shutdown took longer than {} ms; what was acknowledged is on disk", grace.as_millis()),
        },
        again = asked() => {
            again?;
            anyhow::bail!("stopped at once by a second signal; what was acknowledged is on disk")
        }
    }
}

async fn in_order(app: App) -> anyhow::Result<()> {
    tracing::info!("stopping");
    app.rooms.readiness.set(Life::Draining);
    app.rooms.stopping.cancel();
    app.rooms.agent.shutdown().await;
    app.rooms.tracker.close();
    app.rooms.tracker.wait().await;
    app.stop_clients.cancel();
    app.client_port.await??;
    app.coordinator.shutdown().await?;
    app.stop_operations.cancel();
    app.operations_port.await??;
    tracing::info!("stopped");
    app.telemetry.shutdown().await;
    Ok(())
}
