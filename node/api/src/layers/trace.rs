//! One span, one log line and one measurement per call, below the caller's trace.
//!
//! Stands outermost, so that refused calls are seen too. A stream's line comes when the stream ends.

use crate::metrics;
use aiex_proto::code::{CODE_HEADER, ErrorCode};
use aiex_security::Action;
use aiex_session::SessionId;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;
use tonic::Code;
use tracing::{Instrument, Span, field};

/// Header with the id a client gives a call; a repeat of the call carries the same.
const REQUEST_ID_HEADER: &str = "x-request-id";
/// Longest request id that is believed.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Wraps a call in its span.
pub(crate) async fn trace(request: Request, next: Next) -> Response {
    let method = method_of(request.uri().path());
    let span = tracing::info_span!(
        "rpc",
        method = &*method,
        request = request_id(request.headers()),
        user = field::Empty,
        session = field::Empty,
        shard = field::Empty,
    );
    aiex_telemetry::adopt_parent(&span, request.headers());
    let mut call = Call::begin(span.clone(), method);
    let (parts, body) = next.run(request).instrument(span).await.into_parts();
    call.look_at(&parts.headers);
    Response::from_parts(parts, Body::new(Watched { body, call }))
}

/// Names the session a call turned out to be about.
pub(crate) fn name_session(session: SessionId, shard: u32) {
    let span = Span::current();
    span.record("session", field::display(session));
    span.record("shard", shard);
}

/// The call as a label: declared ones only, whatever a client makes up.
fn method_of(path: &str) -> Cow<'static, str> {
    const OTHERS: [(&str, &str); 2] = [
        ("/grpc.health.", "grpc.health"),
        ("/grpc.reflection.", "grpc.reflection"),
    ];
    if Action::of_rpc(path).is_some() {
        return Cow::Owned(path.trim_start_matches("/aiex.v1.").to_owned());
    }
    let other = OTHERS.iter().find(|(prefix, _)| path.starts_with(prefix));
    Cow::Borrowed(other.map_or("unknown", |(_, name)| name))
}

/// The client's id for the call when it is a plain short word, else nothing.
fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID_HEADER)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain);
    fits.then_some(id)
}

/// The contract's code of a finished call, or the transport's.
fn code_of(headers: &HeaderMap) -> Option<&'static str> {
    let status = headers.get("grpc-status")?;
    let own = headers
        .get(CODE_HEADER)
        .and_then(|code| ErrorCode::parse(code.to_str().ok()?));
    Some(match (Code::from_bytes(status.as_bytes()), own) {
        (Code::Ok, _) => "ok",
        (_, Some(code)) => code.as_str(),
        (Code::Cancelled, None) => "cancelled",
        (Code::DeadlineExceeded, None) => "deadline_exceeded",
        (Code::OutOfRange, None) => "out_of_range",
        (Code::Unimplemented, None) => "unimplemented",
        (_, None) => "unknown",
    })
}

/// A call being served; dropped before its end, the client has gone away.
struct Call {
    span: Span,
    method: Cow<'static, str>,
    begun: Instant,
    told: bool,
}

impl Call {
    fn begin(span: Span, method: Cow<'static, str>) -> Self {
        Self {
            span,
            method,
            begun: Instant::now(),
            told: false,
        }
    }

    fn look_at(&mut self, headers: &HeaderMap) {
        if let Some(code) = code_of(headers) {
            self.tell(code);
        }
    }

    fn tell(&mut self, code: &'static str) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let took = self.begun.elapsed();
        metrics::rpc(self.method.clone(), code, took);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.span
            .in_scope(|| tracing::info!(method = &*self.method, code, ms, "call ended"));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.tell("cancelled");
    }
}

/// A reply's body, watched for the status in its trailers.
struct Watched {
    body: Body,
    call: Call,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let span = self.call.span.clone();
        let _entered = span.enter();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.look_at(trailers);
                }
            }
            Some(Err(_)) => self.call.tell("cancelled"),
            None => self.call.tell("unknown"),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
