//! The client port and the operations port.
//!
//! Both end gracefully when their token is cancelled: no new connections, running calls finish.

use crate::grpc::admin_service::AdminService;
use crate::grpc::cluster_service::ClusterService;
use crate::grpc::session_service::SessionService;
use crate::grpc::workspace_service::WorkspaceService;
use crate::http::operations;
use crate::layers::authenticate::authenticate;
use crate::layers::trace::trace;
use crate::rooms::{Readiness, Rooms};
use crate::tasks;
use aiex_proto::FILE_DESCRIPTOR_SET;
use aiex_proto::v1::admin_server::AdminServer;
use aiex_proto::v1::cluster_server::ClusterServer;
use aiex_proto::v1::sessions_server::SessionsServer;
use aiex_proto::v1::workspaces_server::WorkspacesServer;
use axum::Router;
use rustix::net::sockopt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Most bytes of one message from a client: an outcome with two whole files of 4 MiB, escaped.
const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// Silence after which a peer is probed.
const PEER_SILENT_FOR: Duration = Duration::from_secs(15);
/// Time between two probes.
const PEER_PROBED_EVERY: Duration = Duration::from_secs(5);
/// Unanswered probes after which a connection is dead: about 30 s after the peer vanished.
const PEER_PROBES_MAX: u32 = 3;

/// Serves clients until `stopping` is cancelled.
///
/// # Errors
/// A listener that fails, or descriptors that do not load.
pub async fn serve_clients(
    listener: TcpListener,
    rooms: Arc<Rooms>,
    stopping: CancellationToken,
) -> Result<(), crate::Error> {
    let router = client_router(rooms).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        if let Err(error) = prepare(stream) {
            tracing::debug!(%error, "a connection keeps its defaults");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await
        .map_err(crate::Error::Serve)
}

/// A small frame does not wait for the next one, and a peer that vanished without a word is noticed: its
/// attachments end, and its calls are handed to another executor.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, PEER_SILENT_FOR)?;
    sockopt::set_tcp_keepintvl(stream, PEER_PROBED_EVERY)?;
    sockopt::set_tcp_keepcnt(stream, PEER_PROBES_MAX)?;
    // the same limit while frames are on their way to it
    let limit = PEER_SILENT_FOR + PEER_PROBED_EVERY * PEER_PROBES_MAX;
    let limit_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    Ok(sockopt::set_tcp_user_timeout(stream, limit_ms)?)
}

/// Serves probes and metrics until `stopping` is cancelled.
///
/// # Errors
/// A listener that fails.
pub async fn serve_operations(
    listener: TcpListener,
    readiness: Readiness,
    metrics: aiex_telemetry::MetricsText,
    stopping: CancellationToken,
) -> Result<(), crate::Error> {
    axum::serve(listener, operations::router(readiness, metrics))
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await
        .map_err(crate::Error::Serve)
}

async fn client_router(rooms: Arc<Rooms>) -> Result<Router, crate::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let sessions = SessionsServer::new(SessionService {
        rooms: Arc::clone(&rooms),
    })
    .max_decoding_message_size(MESSAGE_BYTES_MAX)
    .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let workspaces = WorkspacesServer::new(WorkspaceService {
        rooms: Arc::clone(&rooms),
    })
    .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let cluster = ClusterServer::new(ClusterService {
        rooms: Arc::clone(&rooms),
    });
    let admin = AdminServer::new(AdminService {
        rooms: Arc::clone(&rooms),
    });
    health.set_serving::<SessionsServer<SessionService>>().await;
    tasks::health_until_draining(&rooms, health);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(crate::Error::Reflection)?;
    let router = Routes::new(sessions)
        .add_service(workspaces)
        .add_service(cluster)
        .add_service(admin)
        .add_service(health_service)
        .add_service(reflection)
        .prepare()
        .into_axum_router();
    let identity = axum::middleware::from_fn_with_state(Arc::clone(&rooms.tokens), authenticate);
    let trace = axum::middleware::from_fn(trace);
    Ok(router.layer(identity).layer(trace))
}
