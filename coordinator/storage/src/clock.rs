//! The one place of this crate that reads a clock; only durations for metrics come from it.

use std::time::Instant;

#[allow(
    clippy::disallowed_methods,
    reason = "the rim: latency metrics need a monotonic clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
