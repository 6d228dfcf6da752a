//! The rim: carries a dialect's bytes over HTTP, and holds the waits of one attempt.
//!
//! Never retries, never follows a redirect (a key must not travel), never reads more than its limits.

use crate::config::{Dialect, ProviderConfig, TimeoutConfig};
use crate::dialect::anthropic::Anthropic;
use crate::dialect::openai::OpenAi;
use crate::dialect::{Answer, AnswerReader, Wire};
use crate::error::{Error, ErrorKind, Stage};
use crate::offline::events_of;
use crate::provider::Provider;
use crate::request::ModelRequest;
use crate::sse::{SseDecoder, SseEvent};
use crate::stream::{Reply, ReplyStream, StreamEvent};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Most bytes of a request's body.
const REQUEST_BYTES_MAX: usize = 32 << 20;
/// Most bytes of a streamed or whole answer, framing included.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Most bytes read of a refusal.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
/// Most idle connections kept to one host.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// How long an idle connection is kept.
const IDLE_MS: u64 = 60_000;

/// Speaks one dialect to one base URL.
pub(crate) struct HttpProvider {
    options: Arc<ProviderConfig>,
    timeouts: TimeoutConfig,
    wire: Arc<dyn Wire>,
    client: reqwest::Client,
    url: String,
    headers: HeaderMap,
}

impl HttpProvider {
    /// Prepares calls; nothing is sent.
    pub(crate) fn new(
        options: ProviderConfig,
        key: Option<&SecretString>,
        timeouts: TimeoutConfig,
        client: reqwest::Client,
    ) -> Result<Self, Error> {
        let wire: Arc<dyn Wire> = match options.dialect {
            Dialect::Openai => Arc::new(OpenAi),
            Dialect::Anthropic => Arc::new(Anthropic),
            other => {
                let message = format!("dialect {:?} is not spoken over HTTP", other.name());
                return Err(Error::config("llm.provider.dialect", message));
            }
        };
        let key = key.map(|key| header_of(key, &options.name)).transpose()?;
        let mut headers = wire.headers(key);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if options.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let url = wire.url(&options.base_url);
        Ok(Self {
            options: Arc::new(options),
            timeouts,
            wire,
            client,
            url,
            headers,
        })
    }
}

/// One client for all providers of a gateway: building it loads the system's certificates.
pub(crate) fn client(timeouts: &TimeoutConfig, loopback: bool) -> Result<reqwest::Client, Error> {
    // the node installs its own provider at start; this only serves programs that did not
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _already_there = rustls::crypto::ring::default_provider().install_default();
    }
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(timeouts.connect_ms))
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .pool_idle_timeout(Duration::from_millis(IDLE_MS))
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("aiex/", env!("CARGO_PKG_VERSION")));
    if loopback {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| Error::config("llm.provider", format!("no HTTP client: {error}")))
}

/// True when the base URL is on this machine, where no proxy may stand between.
pub(crate) fn is_loopback(base_url: &str) -> bool {
    let host = reqwest::Url::parse(base_url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let bare = host.trim_matches(['[', ']']);
        bare == "localhost"
            || bare
                .parse()
                .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    })
}

fn header_of(key: &SecretString, provider: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(key.expose_secret().trim()).map_err(|_| {
        let message = format!("the key of provider {provider:?} has characters no header may have");
        Error::config("llm.provider.key", message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl Provider for HttpProvider {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn call(
        &self,
        model: &str,
        request: &ModelRequest,
    ) -> BoxFuture<'static, Result<ReplyStream, Error>> {
        let body = match self.wire.encode(model, request, &self.options) {
            Ok(body) if body.len() > REQUEST_BYTES_MAX => {
                let message = format!("the request is larger than {REQUEST_BYTES_MAX} bytes");
                Err(Error::new(ErrorKind::ContextTooLong, message))
            }
            other => other,
        };
        let attempt = Attempt {
            wire: Arc::clone(&self.wire),
            timeouts: self.timeouts.clone(),
            provider: self.options.name.clone(),
            model: model.to_owned(),
            call_id: request.call_id.clone(),
        };
        let mut headers = self.headers.clone();
        if let Ok(call_id) = HeaderValue::from_str(&request.call_id) {
            headers.insert(HeaderName::from_static("idempotency-key"), call_id.clone());
            headers.insert(HeaderName::from_static("x-client-request-id"), call_id);
        }
        let builder = self.client.post(&self.url).headers(headers);
        async move { attempt.start(builder.body(body?)).await }.boxed()
    }
}

/// What one attempt needs after the provider let go of it.
struct Attempt {
    wire: Arc<dyn Wire>,
    timeouts: TimeoutConfig,
    provider: String,
    model: String,
    call_id: String,
}

impl Attempt {
    async fn start(self, request: reqwest::RequestBuilder) -> Result<ReplyStream, Error> {
        let patience = Duration::from_millis(self.timeouts.first_byte_ms);
        let response = match timeout(patience, request.send()).await {
            Err(_) => return Err(timed_out(Stage::FirstByte, self.timeouts.first_byte_ms).billed()),
            Ok(Err(error)) => return Err(self.not_sent(&error)),
            Ok(Ok(response)) => response,
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Body::new(response, self.timeouts.silence_ms);
        if !status.is_success() {
            // a refusal whose text does not come is still a refusal
            let text = body.collect(REFUSAL_BYTES_MAX).await.unwrap_or_default();
            return Err(self.wire.refusal(status.as_u16(), &headers, &text));
        }
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        if kind.starts_with("application/json") {
            let text = body
                .collect(ANSWER_BYTES_MAX)
                .await
                .map_err(Error::billed)?;
            let answer = self
                .wire
                .whole(&self.call_id, &text)
                .map_err(Error::billed)?;
            let events = events_of(self.reply(answer)).into_iter().map(Ok);
            return Ok(stream::iter(events).boxed());
        }
        let reader = self.wire.reader(&self.call_id);
        let streaming = Streaming {
            attempt: self,
            body,
            sse: SseDecoder::default(),
            reader,
            ready: VecDeque::new(),
            over: false,
        };
        let events = stream::unfold(streaming, |mut streaming| async move {
            let event = streaming.next().await?;
            Some((event, streaming))
        });
        Ok(events.boxed())
    }

    fn reply(&self, answer: Answer) -> Reply {
        Reply {
            provider: self.provider.clone(),
            model: self.model.clone(),
            content: answer.content,
            stop: answer.stop,
            usage: answer.usage,
        }
    }

    fn not_sent(&self, error: &reqwest::Error) -> Error {
        if error.is_connect() && error.is_timeout() {
            return timed_out(Stage::Connect, self.timeouts.connect_ms);
        }
        if error.is_connect() {
            let message = format!("provider {:?} cannot be reached", self.provider);
            return Error::new(ErrorKind::Unreachable, message);
        }
        // the request may have arrived
        Error::new(ErrorKind::Cut, "the connection broke before an answer came").billed()
    }
}

fn timed_out(stage: Stage, after_ms: u64) -> Error {
    let message = format!("the provider ran out of time: {stage} took more than {after_ms} ms");
    Error::new(ErrorKind::Timeout { stage }, message)
}

/// The bytes of an answer, with the limits on silence and size.
struct Body {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    silence_ms: u64,
    taken: usize,
}

impl Body {
    fn new(response: reqwest::Response, silence_ms: u64) -> Self {
        Self {
            chunks: response.bytes_stream().boxed(),
            silence_ms,
            taken: 0,
        }
    }

    /// The next bytes; `None` when the server ended the answer properly.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let patience = Duration::from_millis(self.silence_ms);
        let chunk = match timeout(patience, self.chunks.next()).await {
            Err(_) => return Err(timed_out(Stage::Silence, self.silence_ms)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                return Err(Error::new(
                    ErrorKind::Cut,
                    "the connection broke during the answer",
                ));
            }
            Ok(Some(Ok(chunk))) => chunk,
        };
        self.taken = self.taken.saturating_add(chunk.len());
        if self.taken > ANSWER_BYTES_MAX {
            let message = format!("the answer is larger than {ANSWER_BYTES_MAX} bytes");
            return Err(Error::new(
                ErrorKind::Limit {
                    limit: "answer_bytes",
                },
                message,
            ));
        }
        Ok(Some(chunk))
    }

    /// Everything up to `bytes_max`; the rest is left unread.
    async fn collect(&mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await? {
            let room = bytes_max.saturating_sub(all.len());
            all.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if all.len() == bytes_max {
                break;
            }
        }
        Ok(all)
    }
}

/// An answer under way.
struct Streaming {
    attempt: Attempt,
    body: Body,
    sse: SseDecoder,
    reader: Box<dyn AnswerReader>,
    ready: VecDeque<Result<StreamEvent, Error>>,
    over: bool,
}

impl Streaming {
    /// The next event. After an error or the end there is nothing more.
    async fn next(&mut self) -> Option<Result<StreamEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if let Err(error) = self.step().await {
                // behind what was read before the failure
                self.ready.push_back(Err(error.billed()));
                self.over = true;
            }
        }
    }

    /// Takes one chunk, or the end.
    async fn step(&mut self) -> Result<(), Error> {
        let mut events = Vec::new();
        let Some(chunk) = self.body.next().await? else {
            // a last event without its blank line counts only if it is whole
            let whole = self.sse.finish(&mut events).is_ok();
            if whole && self.read(&events).is_ok() && self.over {
                return Ok(());
            }
            return self.conclude();
        };
        let fed = self.sse.feed(&chunk, &mut events);
        self.read(&events)?;
        fed.map_err(|error| {
            Error::new(
                ErrorKind::Malformed,
                format!("the answer is malformed: {error}"),
            )
        })
    }

    fn read(&mut self, events: &[SseEvent]) -> Result<(), Error> {
        let mut out = Vec::new();
        for event in events {
            let read = self.reader.read(event, &mut out);
            self.ready.extend(out.drain(..).map(Ok));
            if read? {
                return self.conclude();
            }
        }
        Ok(())
    }

    fn conclude(&mut self) -> Result<(), Error> {
        let reply = self.attempt.reply(self.reader.finish()?);
        self.ready.push_back(Ok(StreamEvent::Finished(reply)));
        self.over = true;
        // taking the end of the body, when it is here already, keeps the connection for the next call
        let _end = self.body.chunks.next().now_or_never();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
