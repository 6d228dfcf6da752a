//! Traces: a provider that samples, redacts, queues, and drops rather than waits.

use crate::{Config, Error, Process, Redact};
use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use std::time::Duration;

const QUEUE_SPANS_MAX: usize = 4_096;
const BATCH_SPANS_MAX: usize = 512;
const EXPORT_PERIOD: Duration = Duration::from_millis(1_000);
const EXPORT_LIMIT: Duration = Duration::from_millis(1_000);

/// Builds the provider. Without an endpoint it still gives every span its ids, so that logs and
/// calls to other nodes carry them.
pub(crate) fn provider(config: &Config, process: &Process) -> Result<SdkTracerProvider, Error> {
    if !(0.0..=1.0).contains(&config.trace_ratio) {
        return Err(Error::Ratio {
            ratio: config.trace_ratio,
        });
    }
    let sampler = Sampler::TraceIdRatioBased(config.trace_ratio);
    let mut resource = Resource::builder_empty()
        .with_service_name("aiex-node")
        .with_attribute(KeyValue::new("service.version", process.version.clone()));
    if !process.node.is_empty() {
        resource =
            resource.with_attribute(KeyValue::new("service.instance.id", process.node.clone()));
    }
    let mut builder = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource.build());
    if let Some(endpoint) = &config.trace_endpoint {
        let exporter = RedactingExporter {
            inner: otlp(endpoint)?,
            redact: process.redact,
        };
        builder = builder.with_span_processor(batched(exporter));
    }
    Ok(builder.build())
}

/// Connects lazily: an absent collector is no error.
fn otlp(endpoint: &str) -> Result<opentelemetry_otlp::SpanExporter, Error> {
    let refuse = |reason: String| Error::Endpoint {
        endpoint: endpoint.to_owned(),
        reason,
    };
    if !endpoint.starts_with("http://") {
        return Err(refuse("only http:// is supported".into()));
    }
    opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_LIMIT)
        .build()
        .map_err(|error| refuse(error.to_string()))
}

/// Exports from a thread of its own; when its queue is full, new spans are dropped.
fn batched<E: SpanExporter + 'static>(exporter: E) -> BatchSpanProcessor {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_SPANS_MAX)
        .with_max_export_batch_size(BATCH_SPANS_MAX)
        .with_scheduled_delay(EXPORT_PERIOD)
        .build();
    BatchSpanProcessor::builder(exporter)
        .with_batch_config(config)
        .build()
}

/// Redacts every text of a span on the exporting thread, away from requests.
#[derive(Debug)]
struct RedactingExporter<E> {
    inner: E,
    redact: Redact,
}

impl<E: SpanExporter> SpanExporter for RedactingExporter<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        for span in &mut batch {
            redact_span(span, self.redact);
        }
        self.inner.export(batch)
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(limit)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

fn redact_span(span: &mut SpanData, redact: Redact) {
    redact_attributes(&mut span.attributes, redact);
    for event in &mut span.events.events {
        let clean = redact(&event.name).into_owned();
        event.name = clean.into();
        redact_attributes(&mut event.attributes, redact);
    }
    if let Status::Error { description } = &mut span.status {
        *description = redact(description).into_owned().into();
    }
}

fn redact_attributes(attributes: &mut [KeyValue], redact: Redact) {
    for attribute in attributes {
        match &mut attribute.value {
            Value::String(text) => *text = StringValue::from(redact(text.as_str()).into_owned()),
            Value::Array(Array::String(texts)) => {
                for text in texts {
                    *text = StringValue::from(redact(text.as_str()).into_owned());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
    use std::borrow::Cow;
    use std::sync::{Arc, Mutex};

    #[derive(Debug, Clone, Default)]
    struct Capture(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Capture {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    #[test]
    fn what_is_exported_is_redacted() {
        let capture = Capture::default();
        let redact: Redact = |text| Cow::Owned(text.replace("hunter2", "[x]"));
        let exporter = RedactingExporter {
            inner: capture.clone(),
            redact,
        };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(batched(exporter))
            .build();
        let mut span = provider.tracer("test").start("work");
        span.set_attribute(KeyValue::new("url", "x?p=hunter2"));
        span.set_attribute(KeyValue::new("n", 3));
        span.add_event("got hunter2", vec![KeyValue::new("p", "hunter2")]);
        span.set_status(Status::error("no hunter2"));
        drop(span);
        provider.shutdown().unwrap();
        let spans = capture.0.lock().unwrap();
        assert_eq!(spans.len(), 1);
        let shown = format!("{spans:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(shown.matches("[x]").count(), 4, "{shown}");
    }

    #[test]
    fn wrong_settings_are_refused() {
        let redact: Redact = |text| Cow::Borrowed(text);
        let process = Process {
            node: "1".into(),
            version: "0".into(),
            redact,
        };
        for endpoint in ["", "127.0.0.1:4317", "https://collector:4317", "http://a b"] {
            let config = Config {
                trace_endpoint: Some(endpoint.into()),
                ..Config::default()
            };
            let refused = provider(&config, &process).unwrap_err();
            assert!(
                matches!(refused, Error::Endpoint { .. }),
                "{endpoint}: {refused}"
            );
        }
        for ratio in [-0.1, 1.1, f64::NAN] {
            let config = Config {
                trace_ratio: ratio,
                ..Config::default()
            };
            assert!(matches!(
                provider(&config, &process),
                Err(Error::Ratio { .. })
            ));
        }
    }
}
