//! Logs, metrics and traces of one process: installs the exporters and carries trace context.
//!
//! Other crates only use the `tracing` and `metrics` macros. Nothing here ever blocks a request:
//! traces are dropped when their queue is full, and a missing collector costs nothing.
//!
//! Log lines carry the identifiers of the work they belong to. A span gives them by having a
//! field of one of the names in [`CARRIED_FIELDS`]; every line below that span shows them.

mod config;
mod error;
mod install;
mod log_line;
mod prometheus;
mod propagation;
mod tasks;
mod traces;

pub use config::{Config, LogFormat, Process, Redact};
pub use error::Error;
pub use install::{Guard, SHUTDOWN_LIMIT, install};
pub use log_line::CARRIED_FIELDS;
pub use prometheus::MetricsText;
pub use propagation::{adopt_parent, inject, trace_id};
