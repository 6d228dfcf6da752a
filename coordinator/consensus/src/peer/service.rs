//! The server side of the peer link: who may connect, and to what.

use std::{future::Future, pin::Pin, sync::Arc};

use aiex_placement::NodeId;
use bytes::Bytes;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    Request, Response, Status, Streaming,
    metadata::{MetadataMap, MetadataValue},
    transport::server::TcpIncoming,
};

use super::{
    HELLO, KEEPALIVE, MAX_MESSAGE_BYTES, PeerConfig, QUEUE_MESSAGES,
    routes::Routes,
    serving::Serving,
    wire::{VERSION, hello_problem, v1},
};
use crate::{Error, tasks};

/// Serves the groups of a node to its peers.
struct PeerService {
    cluster: [u8; 16],
    node: NodeId,
    routes: Arc<Routes>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

pub(super) fn read_hello(metadata: &MetadataMap) -> Option<v1::Hello> {
    let bytes = metadata.get_bin(HELLO)?.to_bytes().ok()?;
    v1::Hello::decode(bytes).ok()
}

#[tonic::async_trait]
impl v1::peers_server::Peers for PeerService {
    type ExchangeStream = Pin<Box<dyn Stream<Item = Result<v1::Batch, Status>> + Send>>;

    async fn exchange(
        &self,
        request: Request<Streaming<v1::Batch>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let unproved = || Status::unauthenticated("a peer must say who it is");
        let hello = read_hello(request.metadata()).ok_or_else(unproved)?;
        if let Some(problem) = hello_problem(&hello, &self.cluster, self.node, None) {
            tracing::warn!(peer = hello.from, %problem, "a peer was refused");
            return Err(Status::permission_denied(problem));
        }
        let (out, answers) = tokio::sync::mpsc::channel(QUEUE_MESSAGES);
        let serving = Serving::new(Arc::clone(&self.routes), request.into_inner(), out);
        tasks::spawn_serving(&self.tasks, self.cancel.clone(), serving);
        let answers: Self::ExchangeStream = Box::pin(ReceiverStream::new(answers));
        let mut response = Response::new(answers);
        let hello = v1::Hello {
            cluster: Bytes::copy_from_slice(&self.cluster),
            from: self.node.0,
            to: hello.from,
            version: VERSION,
        };
        let hello = MetadataValue::from_bytes(&hello.encode_to_vec());
        response.metadata_mut().insert_bin(HELLO, hello);
        Ok(response)
    }
}

/// Returns the server as a future that ends when it is cancelled and its connections are closed.
pub(super) fn server(
    config: &PeerConfig,
    routes: Arc<Routes>,
    cancel: &CancellationToken,
    tasks: &TaskTracker,
    listener: TcpListener,
) -> Result<impl Future<Output = ()> + Send + use<>, Error> {
    let service = PeerService {
        cluster: config.cluster,
        node: config.node,
        routes,
        cancel: cancel.clone(),
        tasks: tasks.clone(),
    };
    let service = v1::peers_server::PeersServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let incoming = TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .with_keepalive(Some(KEEPALIVE));
    let served = config.security.server()?.add_service(service);
    let cancel = cancel.clone();
    Ok(async move {
        let ended = served
            .serve_with_incoming_shutdown(incoming, cancel.cancelled_owned())
            .await;
        if let Err(error) = ended {
            tracing::error!(%error, "the peer server failed");
        }
    })
}
