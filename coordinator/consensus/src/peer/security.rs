//! How the connections between nodes are protected: mutual TLS, or nothing on a loopback under test.

use std::fmt;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};

use super::{DIAL, KEEPALIVE, WINDOWS};
use crate::Error;

/// The protection of a peer link.
#[derive(Clone, Debug)]
pub enum PeerSecurity {
    /// Mutual TLS: both sides show a certificate of the cluster's authority.
    Tls(PeerTls),
    /// Plain text that anybody can read, join and forge. For tests on a loopback only.
    Insecure,
}

/// What mutual TLS needs, as PEM text.
#[derive(Clone)]
pub struct PeerTls {
    /// The authority that signed every node's certificate; no other one is trusted.
    pub authority: String,
    /// This node's certificate, for serving and for connecting.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The name that the certificates of all nodes carry.
    pub server_name: String,
}

// Never print the key.
impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerTls({})", self.server_name)
    }
}

fn unusable(error: &tonic::transport::Error) -> Error {
    use std::error::Error as _;
    let reason = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Error::PeerLink { reason }
}

impl PeerSecurity {
    /// Returns how to connect to `address`, a host and a port.
    pub(super) fn endpoint(&self, address: &str) -> Result<Endpoint, Error> {
        let scheme = match self {
            Self::Tls(_) => "https",
            Self::Insecure => "http",
        };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|e| unusable(&e))?
            .connect_timeout(DIAL)
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true);
        let Self::Tls(tls) = self else {
            return Ok(endpoint);
        };
        let config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&tls.authority))
            .identity(Identity::from_pem(&tls.certificate, &tls.key))
            .domain_name(&tls.server_name);
        endpoint.tls_config(config).map_err(|e| unusable(&e))
    }

    /// Returns a server that accepts only who this protection lets in.
    pub(super) fn server(&self) -> Result<Server, Error> {
        let server = Server::builder()
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE));
        let Self::Tls(tls) = self else {
            return Ok(server);
        };
        let config = ServerTlsConfig::new()
            .identity(Identity::from_pem(&tls.certificate, &tls.key))
            .client_ca_root(Certificate::from_pem(&tls.authority));
        server.tls_config(config).map_err(|e| unusable(&e))
    }
}
