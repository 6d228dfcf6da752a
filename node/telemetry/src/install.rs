//! Puts the parts together, once a process, and takes them down within a limit.

use crate::log_line::{LogLayer, Sink};
use crate::prometheus::{self, MetricsText};
use crate::tasks::{self, Upkeep};
use crate::{Config, Error, Process, traces};
use metrics_exporter_prometheus::PrometheusRecorder;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::io::Write as _;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

/// The longest that [`Guard::shutdown`] takes.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Spans and events of the exporter's own stack must not feed the exporter.
const TRACE_SILENCED: &str = "h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off,opentelemetry_sdk=off,opentelemetry_otlp=off";
const LOG_QUIETED: &str =
    "h2=warn,hyper=warn,hyper_util=warn,tonic=warn,tower=warn,openraft=error,opentelemetry=error";

/// Keeps telemetry running. Hold it until the end of the process.
pub struct Guard {
    metrics: MetricsText,
    provider: SdkTracerProvider,
    upkeep: Upkeep,
}

impl Guard {
    /// Gives the renderer for `GET /metrics`.
    pub fn metrics(&self) -> MetricsText {
        self.metrics.clone()
    }

    /// Gives all metrics in the Prometheus text format.
    pub fn metrics_text(&self) -> String {
        self.metrics.render()
    }

    /// Ends the upkeep and sends the last traces, within [`SHUTDOWN_LIMIT`]. Returns false when
    /// traces were left behind; nothing else is lost then.
    pub async fn shutdown(self) -> bool {
        self.upkeep.stop().await;
        tasks::flush_traces(self.provider, SHUTDOWN_LIMIT).await
    }
}

/// Installs logs on stderr, the metrics recorder and traces for the whole process.
/// Call it once, from within the runtime.
pub fn install(config: &Config, process: &Process) -> Result<Guard, Error> {
    let sink: Sink = Box::new(|line| {
        // a closed stderr is no reason to stop working
        let _ = std::io::stderr().lock().write_all(line);
    });
    let built = build(config, process, sink)?;
    metrics::set_global_recorder(built.recorder).map_err(|_| Error::Installed)?;
    tracing::dispatcher::set_global_default(built.dispatch).map_err(|_| Error::Installed)?;
    Ok(built.guard)
}

pub(crate) struct Built {
    pub(crate) dispatch: Dispatch,
    pub(crate) recorder: PrometheusRecorder,
    pub(crate) guard: Guard,
}

pub(crate) fn build(config: &Config, process: &Process, sink: Sink) -> Result<Built, Error> {
    let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
    let log_filter = filter("log_filter", LOG_QUIETED, &config.log_filter)?;
    let trace_filter = filter("trace_filter", TRACE_SILENCED, &config.trace_filter)?;
    let (recorder, metrics) = prometheus::recorder(&process.node)?;
    let provider = traces::provider(config, process)?;

    // spans carry ids, so the log layer sees them even where its filter wants warnings only
    let spans = filter_fn(|meta| meta.is_span() && *meta.level() <= Level::INFO)
        .with_max_level_hint(LevelFilter::INFO);
    let logs = LogLayer {
        format: config.log_format,
        redact: process.redact,
        now: jiff::Timestamp::now,
        sink,
    };
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("aiex"))
        .with_location(false)
        .with_threads(false);
    let subscriber = Registry::default()
        .with(traces.with_filter(trace_filter))
        .with(logs.with_filter(log_filter.or(spans)));

    let upkeep = Upkeep::start(&runtime, metrics.clone());
    let guard = Guard {
        metrics,
        provider,
        upkeep,
    };
    Ok(Built {
        dispatch: Dispatch::new(subscriber),
        recorder,
        guard,
    })
}

/// The operator's directives come last, so they win over the defaults.
fn filter(setting: &'static str, defaults: &str, chosen: &str) -> Result<EnvFilter, Error> {
    let refuse = |reason: String| Error::Filter { setting, reason };
    if chosen.len() > 4_096 {
        return Err(refuse("it is above 4096 bytes".into()));
    }
    let directives = if chosen.trim().is_empty() {
        format!("info,{defaults}")
    } else {
        format!("{defaults},{chosen}")
    };
    EnvFilter::builder()
        .parse(directives)
        .map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests;
