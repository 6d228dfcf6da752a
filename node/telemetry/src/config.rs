//! What the operator may choose.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Removes secrets from a text; what comes out is safe to log.
pub type Redact = fn(&str) -> Cow<'_, str>;

/// The shape of log lines on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// One readable line an event.
    Text,
}

/// Settings of the telemetry section.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub log_format: LogFormat,
    /// Directives as `info,aiex_llm=debug`.
    pub log_filter: String,
    /// OTLP over gRPC, as `http://127.0.0.1:4317`. Without it no trace leaves the process.
    pub trace_endpoint: Option<String>,
    /// Directives for spans and events that go into traces.
    pub trace_filter: String,
    /// Share of new traces that are sampled, 0 to 1; a caller's decision goes first.
    pub trace_ratio: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Json,
            log_filter: "info".into(),
            trace_endpoint: None,
            trace_filter: "info".into(),
            trace_ratio: 1.0,
        }
    }
}

/// What the process says about itself, and how it hides secrets.
#[derive(Debug, Clone)]
pub struct Process {
    /// Label `node` of every metric and attribute of every trace; empty: none.
    pub node: String,
    pub version: String,
    pub redact: Redact,
}
