//! The gossip socket under observation: counts what passes and keeps other clusters out.
//!
//! The library checks the cluster only in the first message of an exchange and tells nobody; here a stranger becomes a
//! [`Warning`]. Errors are `anyhow` because the library's trait says so.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use chitchat::{
    ChitchatEnvelope, ChitchatMessage,
    transport::{RecvOutcome, SendOutcome, Socket, Transport},
};
use tokio::sync::{Mutex, mpsc};

use crate::{Error, Warning, metrics};

/// Opens observed sockets over another transport.
pub(crate) struct Network {
    transport: Arc<dyn Transport>,
    cluster_id: String,
    warnings: mpsc::Sender<Warning>,
    /// Opened ahead of the library, which does not tell the port it got.
    bound: Mutex<Option<Box<dyn Socket>>>,
}

impl Network {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        cluster_id: String,
        warnings: mpsc::Sender<Warning>,
    ) -> Self {
        Self {
            transport,
            cluster_id,
            warnings,
            bound: Mutex::new(None),
        }
    }

    /// Listens on `address` and returns it with its real port; the next `open` takes that socket.
    pub(crate) async fn bind(&self, address: SocketAddr) -> Result<SocketAddr, Error> {
        let failed = |error: anyhow::Error| Error::Listen {
            address,
            reason: format!("{error:#}"),
        };
        let socket = self.transport.open(address).await.map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        *self.bound.lock().await = Some(socket);
        Ok(bound)
    }
}

#[async_trait]
impl Transport for Network {
    async fn open(&self, address: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let inner = match self.bound.lock().await.take() {
            Some(socket) => socket,
            None => self.transport.open(address).await?,
        };
        Ok(Box::new(ObservedSocket {
            inner,
            cluster_id: self.cluster_id.clone(),
            warnings: self.warnings.clone(),
        }))
    }
}

struct ObservedSocket {
    inner: Box<dyn Socket>,
    cluster_id: String,
    warnings: mpsc::Sender<Warning>,
}

impl ObservedSocket {
    fn warn(&self, warning: Warning) {
        // A full queue already tells of trouble.
        let _ = self.warnings.try_send(warning);
    }
}

#[async_trait]
impl Socket for ObservedSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.inner.local_addr()
    }

    async fn send(
        &mut self,
        to: SocketAddr,
        envelope: ChitchatEnvelope,
    ) -> anyhow::Result<SendOutcome> {
        if matches!(envelope.message, ChitchatMessage::Syn { .. }) {
            ::metrics::counter!(metrics::EXCHANGES_TOTAL).increment(1);
        }
        let outcome = self.inner.send(to, envelope).await?;
        count("out", outcome.num_bytes_sent);
        Ok(outcome)
    }

    /// Cancel-safe: a cancelled call loses at most an answer to a stranger.
    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        loop {
            let outcome = self.inner.recv().await?;
            count("in", outcome.num_bytes_received);
            let from = outcome.from_addr;
            match &outcome.envelope.message {
                ChitchatMessage::Syn { cluster_id, .. } if *cluster_id != self.cluster_id => {
                    self.warn(Warning::ForeignCluster { from });
                    let refusal = ChitchatEnvelope {
                        version: outcome.envelope.version,
                        message: ChitchatMessage::BadCluster,
                    };
                    let _ = self.inner.send(from, refusal).await;
                }
                ChitchatMessage::BadCluster => self.warn(Warning::RejectedByPeer { by: from }),
                _ => return Ok(outcome),
            }
        }
    }
}

fn count(direction: &'static str, bytes: usize) {
    ::metrics::counter!(metrics::DATAGRAMS_TOTAL, "direction" => direction).increment(1);
    ::metrics::counter!(metrics::BYTES_TOTAL, "direction" => direction).increment(bytes as u64);
}
