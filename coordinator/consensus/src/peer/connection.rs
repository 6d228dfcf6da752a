//! The client side of one connection: dial, prove, pump frames both ways, and dial again when it breaks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aiex_placement::NodeId;
use bytes::Bytes;
use prost::Message as _;
use rand::Rng as _;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming, metadata::MetadataValue};

use super::{
    Counters, DIAL, HELLO, MAX_MESSAGE_BYTES, MESSAGE_BYTES, MESSAGE_FRAMES, PeerConfig,
    QUEUE_MESSAGES, REDIAL, lock,
    pending::{Pending, State},
    wire::{VERSION, hello_problem, v1},
};
use crate::metrics as names;

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Channel {
    /// Votes, heartbeats, transfers: small and urgent.
    Control,
    /// Entries.
    Append,
}

/// The task behind one [`super::pending::Wire`].
pub(crate) struct Connection {
    pub(super) config: PeerConfig,
    pub(super) node: NodeId,
    pub(super) channel: Channel,
    /// Where the membership says that the node is.
    pub(super) address: String,
    /// Where the node is known to be; stronger.
    pub(super) addresses: Arc<Mutex<BTreeMap<NodeId, String>>>,
    pub(super) pending: Arc<Pending>,
    pub(super) queue: mpsc::Receiver<v1::Frame>,
    pub(super) state: watch::Sender<State>,
    pub(super) counters: Arc<Counters>,
}

/// An open stream.
struct Stream {
    out: mpsc::Sender<v1::Batch>,
    answers: Streaming<v1::Batch>,
}

impl Connection {
    /// Keeps the connection up. Ends only by being dropped; then everybody who waits is told.
    pub(crate) async fn run(mut self) {
        let mut pause = REDIAL.0;
        loop {
            let reason = match self.dial().await {
                Ok(stream) => {
                    pause = REDIAL.0;
                    self.state.send_replace(State::Up);
                    tracing::info!(peer = %self.node, channel = ?self.channel, "connected to a peer");
                    self.pump(stream).await
                }
                Err(reason) => reason,
            };
            tracing::debug!(peer = %self.node, channel = ?self.channel, %reason, "no connection to a peer");
            metrics::counter!(names::PEER_BREAKS_TOTAL, "peer" => self.node.to_string())
                .increment(1);
            self.state.send_replace(State::Down(Arc::from(reason)));
            self.pending.fail_all();
            // Questions whose askers were just told.
            while self.queue.try_recv().is_ok() {}
            let jitter = rand::rng().random_range(0.5..=1.0);
            tokio::time::sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(REDIAL.1);
        }
    }

    async fn dial(&self) -> Result<Stream, String> {
        let open = self.open();
        let limit: Duration = DIAL * 2;
        match tokio::time::timeout(limit, open).await {
            Ok(opened) => opened,
            Err(_) => Err(format!("no connection within {limit:?}")),
        }
    }

    async fn open(&self) -> Result<Stream, String> {
        let known = lock(&self.addresses).get(&self.node).cloned();
        let address = known.unwrap_or_else(|| self.address.clone());
        let endpoint = self.config.security.endpoint(&address);
        let endpoint = endpoint.map_err(|e| e.to_string())?;
        let transport = endpoint.connect().await.map_err(|e| chain(&e))?;
        let mut client = v1::peers_client::PeersClient::new(transport)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let (out, batches) = mpsc::channel(QUEUE_MESSAGES);
        let mut request = Request::new(ReceiverStream::new(batches));
        let hello = v1::Hello {
            cluster: Bytes::copy_from_slice(&self.config.cluster),
            from: self.config.node.0,
            to: self.node.0,
            version: VERSION,
        };
        let hello = MetadataValue::from_bytes(&hello.encode_to_vec());
        request.metadata_mut().insert_bin(HELLO, hello);
        let response = client.exchange(request).await;
        let response = response.map_err(|status| status.message().to_owned())?;
        let answer = super::service::read_hello(response.metadata())
            .ok_or("the peer did not say who it is")?;
        let PeerConfig { cluster, node, .. } = &self.config;
        match hello_problem(&answer, cluster, *node, Some(self.node)) {
            Some(problem) => Err(problem),
            None => Ok(Stream {
                out,
                answers: response.into_inner(),
            }),
        }
    }

    /// Sends what is queued and hands out answers, until one of the two ends; returns why.
    async fn pump(&mut self, stream: Stream) -> String {
        let Stream { out, mut answers } = stream;
        let (queue, counters) = (&mut self.queue, &self.counters);
        let sending = async {
            while let Some(batch) = gather(queue).await {
                counters.sent(&batch);
                if out.send(batch).await.is_err() {
                    break;
                }
            }
            "the peer takes no more".to_owned()
        };
        let pending = &self.pending;
        // Never waits for who gets an answer, so both sides always read and none can block the other for good.
        let receiving = async {
            loop {
                match answers.message().await {
                    Ok(Some(batch)) => batch.frames.into_iter().for_each(|f| pending.deliver(f)),
                    Ok(None) => return "the peer closed it".to_owned(),
                    Err(status) => return status.message().to_owned(),
                }
            }
        };
        tokio::select! {
            reason = sending => reason,
            reason = receiving => reason,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.state
            .send_replace(State::Down(Arc::from("the peer link is closed")));
        self.pending.fail_all();
    }
}

/// Joins what this turn of the loop has to say into one message.
async fn gather(queue: &mut mpsc::Receiver<v1::Frame>) -> Option<v1::Batch> {
    let first = queue.recv().await?;
    // The other groups that are ready now get their turn to speak first.
    tokio::task::yield_now().await;
    let mut bytes = first.encoded_len();
    let mut frames = vec![first];
    while frames.len() < MESSAGE_FRAMES && bytes < MESSAGE_BYTES {
        let Ok(next) = queue.try_recv() else { break };
        bytes += next.encoded_len();
        frames.push(next);
    }
    Some(v1::Batch { frames })
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
