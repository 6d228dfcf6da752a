//! Names of the metrics this crate records.

/// Gauge: members as this node sees them, itself included; label `state`.
pub const MEMBERS: &str = "aiex_membership_members";
/// Counter: changes of a member's state, by the state it came `to` (`removed` when it was forgotten).
pub const STATE_CHANGES_TOTAL: &str = "aiex_membership_state_changes_total";
/// Counter: gossip exchanges this node began.
pub const EXCHANGES_TOTAL: &str = "aiex_membership_exchanges_total";
/// Counter: gossip datagrams; label `direction` is `in` or `out`.
pub const DATAGRAMS_TOTAL: &str = "aiex_membership_datagrams_total";
/// Counter: bytes of gossip datagrams; label `direction` is `in` or `out`.
pub const BYTES_TOTAL: &str = "aiex_membership_bytes_total";
/// Counter: warnings given; label `kind`.
pub const WARNINGS_TOTAL: &str = "aiex_membership_warnings_total";
/// Counter: times the gossip had to be started again, after a fault or under a higher generation.
pub const RESTARTS_TOTAL: &str = "aiex_membership_restarts_total";
