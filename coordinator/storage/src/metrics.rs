//! Names of the metrics this crate records.

/// Histogram, seconds: from the start of a write round to the end of its sync.
pub const LOG_ROUND_SECONDS: &str = "aiex_log_round_seconds";
/// Histogram, seconds: one sync of the log.
pub const LOG_FSYNC_SECONDS: &str = "aiex_log_fsync_seconds";
/// Histogram, seconds: from an append being queued to its being durable.
pub const LOG_APPEND_SECONDS: &str = "aiex_log_append_seconds";
/// Histogram: requests that shared one write round.
pub const LOG_ROUND_REQUESTS: &str = "aiex_log_round_requests";
/// Counter: bytes handed to the log.
pub const LOG_BYTES_TOTAL: &str = "aiex_log_bytes_total";
/// Counter: write rounds that failed; the log is closed after the first.
pub const LOG_FAILURES_TOTAL: &str = "aiex_log_failures_total";
/// Counter: blobs written, not counting those already present.
pub const BLOBS_WRITTEN_TOTAL: &str = "aiex_blobs_written_total";
