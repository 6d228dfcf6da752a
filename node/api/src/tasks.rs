//! Every task the edge starts.

use crate::grpc::session_service::SessionService;
use crate::rooms::Rooms;
use aiex_proto::v1::sessions_server::SessionsServer;
use std::future::Future;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::Instrument;

/// Reads one client's frames. Owner: the attachment. Ends: the client's half closes, `let_go`, or the node stops.
pub(crate) fn client_frames(
    rooms: &Rooms,
    let_go: CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let stopping = rooms.stopping();
    let reading = async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = let_go.cancelled() => {}
            () = work => {}
        }
    };
    rooms.tracker.spawn(reading.in_current_span());
}

/// Tells health watchers that the node drains. Owner: the rooms. Ends: the node stops.
pub(crate) fn health_until_draining(rooms: &Rooms, health: HealthReporter) {
    let stopping = rooms.stopping();
    rooms.tracker.spawn(async move {
        stopping.cancelled().await;
        health
            .set_service_status("", ServingStatus::NotServing)
            .await;
        health
            .set_not_serving::<SessionsServer<SessionService>>()
            .await;
    });
}
