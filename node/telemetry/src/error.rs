//! Why telemetry could not be installed.

/// Failures of [`crate::install`]; all of them are mistakes in the configuration or in start-up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{setting} is not a valid filter: {reason}")]
    Filter {
        setting: &'static str,
        reason: String,
    },
    #[error("trace_endpoint `{endpoint}` cannot be used: {reason}")]
    Endpoint { endpoint: String, reason: String },
    #[error("trace_ratio is {ratio}, but must be between 0 and 1")]
    Ratio { ratio: f64 },
    #[error("metrics cannot be installed: {reason}")]
    Metrics { reason: String },
    #[error("telemetry is installed already")]
    Installed,
    #[error("telemetry needs a running tokio runtime")]
    NoRuntime,
}

impl Error {
    /// What the operator can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Filter { .. } => "write directives as `info` or `info,aiex_llm=debug`",
            Self::Endpoint { .. } => {
                "name a collector beside the node, as `http://127.0.0.1:4317`, or leave it out"
            }
            Self::Ratio { .. } => "write 1.0 for all traces, 0.0 for none",
            Self::Metrics { .. } | Self::Installed => "install telemetry once a process",
            Self::NoRuntime => "install telemetry from within the runtime",
        }
    }
}
