//! Timing and limits of a group.

use std::sync::Arc;

use crate::Error;

/// Largest entry that may be proposed, in bytes.
pub const MAX_ENTRY_BYTES: usize = 1 << 20;
/// Bytes of proposals that a group takes before it answers [`Error::Overloaded`].
pub const IN_FLIGHT_BYTES: usize = 8 << 20;
/// Proposals joined into one Raft entry, at most.
pub(crate) const BATCH_PROPOSALS: usize = 256;
/// Bytes joined into one Raft entry, at most, unless a single proposal is larger.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// Bytes of entries handed to a follower at once.
pub(crate) const REPLICATE_BYTES: usize = 1 << 20;
/// Bytes of entries applied in one batch of the state.
pub(crate) const APPLY_BYTES: usize = 4 << 20;
/// Entries applied in one batch of the state.
pub(crate) const APPLY_ENTRIES: usize = 1024;
/// Applied bytes after which the state is flushed, so that a restart never replays more.
pub(crate) const SNAPSHOT_BYTES: u64 = 64 << 20;
/// Applied entries after which the state is flushed.
const SNAPSHOT_ENTRIES: u64 = 20_000;
/// Entries kept behind a flush for followers that lag.
const KEPT_ENTRIES: u64 = 5_000;
/// Entries purged at once; fewer would litter the log with tombstones.
const PURGE_ENTRIES: u64 = 8_192;
const QUEUE: u64 = 4_096;

/// Timing of a group, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A leader is heard of this often.
    pub heartbeat_ms: u64,
    /// Shortest silence after which a follower stands for election.
    pub election_min_ms: u64,
    /// Longest such silence; also the length of a leader's lease.
    pub election_max_ms: u64,
    /// How long a start waits for the group to have a leader and its state.
    pub start_ms: u64,
}

impl Settings {
    /// Timing of a group that holds data.
    pub const SHARD: Self = Self {
        heartbeat_ms: 100,
        election_min_ms: 300,
        election_max_ms: 500,
        start_ms: 60_000,
    };
    /// Timing of the metadata group: calmer, as nothing waits for it in the middle of a request.
    pub const METADATA: Self = Self {
        heartbeat_ms: 200,
        election_min_ms: 600,
        election_max_ms: 1000,
        start_ms: 60_000,
    };

    pub(crate) fn library_config(&self, name: String) -> Result<Arc<openraft::Config>, Error> {
        let config = openraft::Config {
            cluster_name: name,
            heartbeat_interval: self.heartbeat_ms,
            heartbeat_min_interval: Some(0),
            election_timeout_min: self.election_min_ms,
            election_timeout_max: self.election_max_ms,
            enable_pre_vote: Some(true),
            // Without it a leader cut off from its quorum keeps the others from electing one.
            quorum_loss_probe_interval: Some(2_000),
            max_payload_entries: 512,
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(SNAPSHOT_ENTRIES),
            max_in_snapshot_log_to_keep: KEPT_ENTRIES,
            purge_batch_size: PURGE_ENTRIES,
            allow_log_reversion: Some(false),
            // A restart proves its state by a new term: the saved commit may lag behind what was acknowledged.
            enable_leader_restore: Some(false),
            api_channel_size: Some(QUEUE),
            notification_channel_size: Some(QUEUE),
            ..Default::default()
        };
        let valid = config.validate().map_err(|e| Error::Unavailable {
            reason: format!("bad settings: {e}"),
        })?;
        Ok(Arc::new(valid))
    }
}
