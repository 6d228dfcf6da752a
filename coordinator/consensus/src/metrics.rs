//! Names of the metrics this crate records; each carries the label `group`, those of peers `peer`.

/// Histogram, seconds: from a proposal being queued to its result.
pub const PROPOSE_SECONDS: &str = "aiex_raft_propose_seconds";
/// Histogram: proposals that shared one Raft entry.
pub const BATCH_PROPOSALS: &str = "aiex_raft_batch_proposals";
/// Gauge: index of the entry applied last.
pub const APPLIED_INDEX: &str = "aiex_raft_applied_index";
/// Counter: proposals refused because too much was in flight.
pub const OVERLOADED_TOTAL: &str = "aiex_raft_overloaded_total";
/// Counter: state flushes, each of which is a snapshot.
pub const SNAPSHOTS_TOTAL: &str = "aiex_raft_snapshots_total";
/// Counter: connections to a peer that broke or could not be opened.
pub const PEER_BREAKS_TOTAL: &str = "aiex_raft_peer_breaks_total";
