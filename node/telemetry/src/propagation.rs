//! Trace context between processes: W3C `traceparent` and `tracestate` headers.
//!
//! Works on HTTP headers; tonic's metadata gives its headers by `as_ref` and `as_mut`.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes the caller's span the parent of `span`. Call it before the span is first entered.
/// Headers without a valid context change nothing.
pub fn adopt_parent(span: &Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&Incoming(headers));
    if context.span().span_context().is_valid() {
        // fails only when the span is not recorded, and then there is nothing to connect
        let _ = span.set_parent(context);
    }
}

/// Writes the span's context into outgoing headers, replacing what is there.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut Outgoing(headers));
}

/// Gives the span's trace id, 32 hexadecimal digits, to be told to the caller.
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let inner = context.span();
    let ids = inner.span_context();
    ids.is_valid().then(|| ids.trace_id().to_string())
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::try_from(key);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
