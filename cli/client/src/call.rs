//! One unary call: its credentials, its ids, its deadline, and the retries it may have.

use crate::client::Client;
use crate::retry::Backoff;
use crate::{Error, Token};
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Tries of one idempotent call, the first included.
const ATTEMPTS_MAX: u32 = 4;
/// First ceiling of the delay between tries.
const RETRY_BASE_MS: u64 = 100;
/// Longest delay between tries.
const RETRY_DELAY_MS_MAX: u64 = 2_000;

/// What every request of one call carries; a repeat carries the same.
#[derive(Debug, Clone)]
pub(crate) struct CallIds {
    token: Token,
    traceparent: String,
    request_id: String,
}

impl CallIds {
    /// Draws fresh ids: one W3C trace with one span, one request id.
    pub(crate) fn new(token: Token) -> Self {
        let trace = Uuid::new_v4().simple();
        let (span, _) = Uuid::new_v4().as_u64_pair();
        Self {
            token,
            traceparent: format!("00-{trace}-{:016x}-01", span | 1),
            request_id: Uuid::now_v7().hyphenated().to_string(),
        }
    }

    /// Wraps a message with the metadata of this call.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.token.header());
        if let Ok(value) = self.traceparent.parse() {
            metadata.insert("traceparent", value);
        }
        if let Ok(value) = self.request_id.parse() {
            metadata.insert("x-request-id", value);
        }
        request
    }
}

impl Client {
    /// Runs an idempotent call: a broken link or a node that is not ready is tried again elsewhere.
    pub(crate) async fn idempotent<M, R, F>(&self, message: M, call: F) -> Result<R, Error>
    where
        M: Clone,
        F: AsyncFn(Channel, Request<M>) -> Result<Response<R>, Status>,
    {
        let ids = self.call_ids();
        let mut backoff = Backoff::new(RETRY_BASE_MS, RETRY_DELAY_MS_MAX);
        loop {
            match self.attempt(&ids, message.clone(), &call).await {
                Err(error) if error.retryable && backoff.attempts() + 1 < ATTEMPTS_MAX => {
                    tokio::time::sleep(backoff.draw()).await;
                }
                other => return other,
            }
        }
    }

    /// Runs a call once: it may have taken effect even when this fails.
    pub(crate) async fn once<M, R, F>(&self, message: M, call: F) -> Result<R, Error>
    where
        F: AsyncFn(Channel, Request<M>) -> Result<Response<R>, Status>,
    {
        self.attempt(&self.call_ids(), message, &call).await
    }

    async fn attempt<M, R, F>(&self, ids: &CallIds, message: M, call: &F) -> Result<R, Error>
    where
        F: AsyncFn(Channel, Request<M>) -> Result<Response<R>, Status>,
    {
        let (channel, generation) = self.channel().await?;
        let mut request = ids.request(message);
        let timeout = Duration::from_millis(self.config().call_timeout_ms);
        request.set_timeout(timeout);
        let answer = match tokio::time::timeout(timeout, call(channel, request)).await {
            Ok(answer) => answer.map(Response::into_inner).map_err(Error::from),
            Err(_) => Err(Error::unreachable(format!(
                "no answer within {} ms",
                self.config().call_timeout_ms
            ))),
        };
        if let Err(error) = &answer
            && error.retryable
        {
            self.forget(generation).await;
        }
        answer
    }
}
