//! The client: one connection to some node, and a method for every unary call of the contract.

use crate::call::CallIds;
use crate::endpoints::Endpoints;
use crate::{Error, Token};
use aiex_proto::code::ErrorCode;
use aiex_proto::v1::admin_client::AdminClient;
use aiex_proto::v1::cluster_client::ClusterClient;
use aiex_proto::v1::sessions_client::SessionsClient;
use aiex_proto::v1::workspaces_client::WorkspacesClient;
use aiex_proto::v1::{
    ArchiveSessionRequest, CreateSessionRequest, CreateTokenReply, CreateTokenRequest,
    DocumentChunk, ExportSessionRequest, FileContent, ForkSessionRequest, GetSessionRequest,
    ListModelsReply, ListModelsRequest, ListNodesReply, ListNodesRequest, ListSessionsReply,
    ListSessionsRequest, ListShardsReply, ListShardsRequest, ListTokensReply, ListTokensRequest,
    NodeStatus, RevokeTokenRequest, SearchReply, SearchRequest, SessionDetail, SessionSummary,
    ShowContextReply, ShowContextRequest, ShowNodeRequest, SyncReply, SyncRequest, UploadReply,
    WhoAmIReply, WhoAmIRequest,
};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_stream::StreamExt as _;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// Most bytes of one `Upload` call; the contract's limit, so callers split what is larger.
pub const UPLOAD_BATCH_BYTES_MAX: u64 = 256 << 20;
/// Largest message this side accepts: a long transcript in one reply.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Times and trust of a client.
#[derive(Debug, Clone)]
pub struct Config {
    /// Limit for reaching one address.
    pub connect_timeout_ms: u64,
    /// Limit for one unary call.
    pub call_timeout_ms: u64,
    /// How often an idle link is probed.
    pub keepalive_interval_ms: u64,
    /// How long a probe may stay unanswered before the link counts as dead.
    pub keepalive_timeout_ms: u64,
    /// PEM of the authority that signs the nodes' certificates; needed for `https` endpoints.
    pub ca_pem: Option<Vec<u8>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 3_000,
            call_timeout_ms: 30_000,
            keepalive_interval_ms: 10_000,
            keepalive_timeout_ms: 5_000,
            ca_pem: None,
        }
    }
}

/// A cheap handle on the connection to a cluster; clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    token: Token,
    config: Config,
    link: Mutex<Link>,
}

/// The addresses and the one live connection, which ends when a call finds it broken.
#[derive(Debug)]
struct Link {
    endpoints: Endpoints,
    channel: Option<Channel>,
    /// Address the channel was dialled at.
    address: String,
    /// Counts connections, so that a late failure of an old one does not drop its successor.
    generation: u64,
}

impl Client {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// `Unavailable` with the reason of every address when none answers.
    pub async fn connect(endpoints: Endpoints, token: Token) -> Result<Self, Error> {
        Self::connect_with(endpoints, token, Config::default()).await
    }

    /// Connects as [`Client::connect`] does, with other times or a private authority.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_with(
        endpoints: Endpoints,
        token: Token,
        config: Config,
    ) -> Result<Self, Error> {
        let link = Mutex::new(Link {
            endpoints,
            channel: None,
            address: String::new(),
            generation: 0,
        });
        let client = Self {
            inner: Arc::new(Inner {
                token,
                config,
                link,
            }),
        };
        client.channel().await?;
        Ok(client)
    }

    /// Replaces the addresses, for a cluster that moved; the present link is given up.
    pub async fn replace_endpoints(&self, endpoints: Endpoints) {
        let mut link = self.inner.link.lock().await;
        if link.endpoints != endpoints {
            link.endpoints = endpoints;
            link.channel = None;
        }
    }

    /// Tries `address` first from the next connection on; used for the owner hint of a node.
    pub(crate) async fn prefer(&self, address: &str) {
        self.inner.link.lock().await.endpoints.prefer(address);
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn call_ids(&self) -> CallIds {
        CallIds::new(self.inner.token.clone())
    }

    /// The live channel, or a new one to the first address that answers.
    pub(crate) async fn channel(&self) -> Result<(Channel, u64), Error> {
        let mut link = self.inner.link.lock().await;
        if let Some(channel) = &link.channel {
            return Ok((channel.clone(), link.generation));
        }
        let mut reasons = Vec::new();
        for address in link.endpoints.addresses().to_vec() {
            match dial(&address, &self.inner.config).await {
                Ok(channel) => {
                    link.generation += 1;
                    link.address = address;
                    link.channel = Some(channel.clone());
                    return Ok((channel, link.generation));
                }
                Err(reason) => reasons.push(format!("{address}: {reason}")),
            }
        }
        Err(Error::unreachable(format!(
            "no node answers ({})",
            reasons.join("; ")
        )))
    }

    /// Gives up a link that a call found broken; its node is tried last from now on.
    pub(crate) async fn forget(&self, generation: u64) {
        let mut link = self.inner.link.lock().await;
        if link.generation == generation && link.channel.take().is_some() {
            let address = std::mem::take(&mut link.address);
            link.endpoints.defer(&address);
        }
    }
}

async fn dial(address: &str, config: &Config) -> Result<Channel, String> {
    let timeout = Duration::from_millis(config.connect_timeout_ms);
    let mut endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|error| chain(&error))?
        .connect_timeout(timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .http2_keep_alive_interval(Duration::from_millis(config.keepalive_interval_ms))
        .keep_alive_timeout(Duration::from_millis(config.keepalive_timeout_ms))
        .keep_alive_while_idle(true)
        .user_agent(concat!("aiex/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| chain(&error))?;
    if address.starts_with("https://") {
        let Some(pem) = &config.ca_pem else {
            return Err(
                "https needs the authority's certificate (ca_file in the configuration)".to_owned(),
            );
        };
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        endpoint = endpoint.tls_config(tls).map_err(|error| chain(&error))?;
    }
    match tokio::time::timeout(timeout, endpoint.connect()).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!(
            "no connection within {} ms",
            config.connect_timeout_ms
        )),
    }
}

/// The last cause says what happened ("connection refused"); the outer layers only say that something did.
fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// A generated client with our limit on replies.
macro_rules! service {
    ($client:ident, $channel:expr) => {
        $client::new($channel).max_decoding_message_size($crate::client::MESSAGE_BYTES_MAX)
    };
}
pub(crate) use service;

/// A method per unary call; `$mode` says whether a lost answer may be asked for again.
macro_rules! unary {
    ($($(#[$doc:meta])* $mode:ident $client:ident . $call:ident ($message:ident) -> $reply:ty;)*) => {
        impl Client {
            $($(#[$doc])*
            ///
            /// # Errors
            /// What the node refused, or `Unavailable` after the last retry.
            pub async fn $call(&self, message: $message) -> Result<$reply, Error> {
                self.$mode(message, async |channel: Channel, request| {
                    service!($client, channel).$call(request).await
                })
                .await
            })*
        }
    };
}

// `request_id` makes the writing calls repeatable; `revoke_token` is repeatable by nature.
unary! {
    /// Creates a session.
    idempotent SessionsClient.create(CreateSessionRequest) -> SessionSummary;
    /// Lists sessions, the last changed first.
    idempotent SessionsClient.list(ListSessionsRequest) -> ListSessionsReply;
    /// Reads one session, now or as it was.
    idempotent SessionsClient.get(GetSessionRequest) -> SessionDetail;
    /// Makes a new session from the events of another.
    idempotent SessionsClient.fork(ForkSessionRequest) -> SessionSummary;
    /// Puts a session away; it can still be read.
    idempotent SessionsClient.archive(ArchiveSessionRequest) -> SessionSummary;
    /// Itemises what the next model call would contain.
    idempotent SessionsClient.show_context(ShowContextRequest) -> ShowContextReply;
    /// Declares the files of a working tree.
    idempotent WorkspacesClient.sync(SyncRequest) -> SyncReply;
    /// Ranks code for a question.
    idempotent WorkspacesClient.search(SearchRequest) -> SearchReply;
    /// Describes the node that answers.
    idempotent ClusterClient.show_node(ShowNodeRequest) -> NodeStatus;
    /// Lists the nodes of the cluster.
    idempotent ClusterClient.list_nodes(ListNodesRequest) -> ListNodesReply;
    /// Lists the shards and who leads them.
    idempotent ClusterClient.list_shards(ListShardsRequest) -> ListShardsReply;
    /// Lists the models that can be asked for.
    idempotent ClusterClient.list_models(ListModelsRequest) -> ListModelsReply;
    /// Makes a token. A retry carries the same `request_id`.
    idempotent AdminClient.create_token(CreateTokenRequest) -> CreateTokenReply;
    /// Lists tokens, without their secrets.
    idempotent AdminClient.list_tokens(ListTokensRequest) -> ListTokensReply;
    /// Says who the token belongs to.
    idempotent AdminClient.who_am_i(WhoAmIRequest) -> WhoAmIReply;
}

impl Client {
    /// Revokes a token.
    ///
    /// # Errors
    /// What the node refused, or `Unavailable` after the last retry.
    pub async fn revoke_token(&self, message: RevokeTokenRequest) -> Result<(), Error> {
        self.idempotent(message, async |channel: Channel, request| {
            service!(AdminClient, channel).revoke_token(request).await
        })
        .await
        .map(|_| ())
    }

    /// Sends file contents the cluster lacks; contents are addressed by hash, so a repeat is harmless.
    ///
    /// # Errors
    /// `LimitReached` above [`UPLOAD_BATCH_BYTES_MAX`], else what the node refused.
    pub async fn upload(&self, contents: Vec<FileContent>) -> Result<UploadReply, Error> {
        let size_bytes: u64 = contents.iter().map(|file| file.content.len() as u64).sum();
        if size_bytes > UPLOAD_BATCH_BYTES_MAX {
            return Err(Error::new(
                ErrorCode::LimitReached,
                format!("{size_bytes} bytes in one upload; the limit is {UPLOAD_BATCH_BYTES_MAX}"),
                "send the files in several uploads",
            ));
        }
        self.idempotent(contents, async |channel: Channel, request| {
            let request = request.map(tokio_stream::iter);
            service!(WorkspacesClient, channel).upload(request).await
        })
        .await
    }

    /// Reads the export document of a session and hands it over chunk by chunk, each of whole lines.
    ///
    /// # Errors
    /// What the node refused or what `sink` returned; a link that breaks in the middle is not tried again.
    pub async fn export(
        &self,
        session_id: String,
        mut sink: impl FnMut(Bytes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (channel, generation) = self.channel().await?;
        let request = self.call_ids().request(ExportSessionRequest { session_id });
        let run = async {
            let mut chunks = service!(SessionsClient, channel)
                .export(request)
                .await?
                .into_inner();
            while let Some(chunk) = chunks.next().await {
                sink(chunk?.data)?;
            }
            Ok::<(), Error>(())
        };
        let result = run.await;
        if let Err(error) = &result
            && error.retryable
        {
            self.forget(generation).await;
        }
        result
    }

    /// Sends an export document; the cluster makes a new session of it. Tried once.
    ///
    /// # Errors
    /// What the node refused: a damaged document is named by its line.
    pub async fn import(&self, document: Vec<DocumentChunk>) -> Result<SessionSummary, Error> {
        self.once(document, async |channel: Channel, request| {
            let request = request.map(tokio_stream::iter);
            service!(SessionsClient, channel).import(request).await
        })
        .await
    }
}

#[cfg(test)]
mod tests;
