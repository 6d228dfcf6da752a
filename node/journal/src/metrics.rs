//! Names of what the journal measures.

/// Histogram, seconds: from the call of `append` to its answer.
pub const APPEND_SECONDS: &str = "aiex_journal_append_seconds";
/// Counter: events appended, repeats not counted.
pub const EVENTS_APPENDED_TOTAL: &str = "aiex_journal_events_appended_total";
/// Counter: appends that were answered from an earlier result.
pub const REPEATED_TOTAL: &str = "aiex_journal_repeated_total";
/// Counter: bytes moved to the blob store, before compression.
pub const BLOB_BYTES_TOTAL: &str = "aiex_journal_blob_bytes_total";
/// Counter: records that could not be read back.
pub const DAMAGED_TOTAL: &str = "aiex_journal_damaged_total";
