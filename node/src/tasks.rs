//! The tasks of the root: the two ports.

use aiex_api::{Readiness, Rooms};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Serves clients. Owner: the app. Ends: `stopping`, after running calls.
#[allow(clippy::disallowed_methods, reason = "the crate's one place to spawn")]
pub(crate) fn client_port(
    listener: TcpListener,
    rooms: Arc<Rooms>,
    stopping: CancellationToken,
) -> JoinHandle<Result<(), aiex_api::Error>> {
    tokio::spawn(aiex_api::serve_clients(listener, rooms, stopping))
}

/// Serves probes and metrics. Owner: the app. Ends: `stopping`, last of all.
#[allow(clippy::disallowed_methods, reason = "the crate's one place to spawn")]
pub(crate) fn operations_port(
    listener: TcpListener,
    readiness: Readiness,
    metrics: aiex_telemetry::MetricsText,
    stopping: CancellationToken,
) -> JoinHandle<Result<(), aiex_api::Error>> {
    tokio::spawn(aiex_api::serve_operations(
        listener, readiness, metrics, stopping,
    ))
}
