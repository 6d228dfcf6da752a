//! Names of what the edge measures. Labels: declared methods and the dozen codes, so cardinality is bounded.

use metrics::{Unit, describe_histogram};
use std::borrow::Cow;
use std::time::Duration;

/// Histogram, seconds, by `method` and `code`: a call from its first byte to its status; a stream's whole life.
pub(crate) const RPC_SECONDS: &str = "aiex_rpc_seconds";

/// Describes the metrics to the recorder; once, after it is installed.
pub fn describe_metrics() {
    describe_histogram!(
        RPC_SECONDS,
        Unit::Seconds,
        "Calls by method and code; an attachment counts when it ends"
    );
}

pub(crate) fn rpc(method: Cow<'static, str>, code: &'static str, took: Duration) {
    metrics::histogram!(RPC_SECONDS, "method" => method, "code" => code).record(took.as_secs_f64());
}
