//! What can go wrong with stored sessions.

/// Why stored or exported bytes are not a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Written by a later version, or not an event at all.
    #[error("unknown event type {0:?}")]
    UnknownEventType(String),
    #[error("{event_type} has schema version {found}, this version reads up to {known}")]
    NewerSchema {
        event_type: String,
        found: u32,
        known: u32,
    },
    #[error("no upcaster for {event_type} from schema version {from}")]
    NoUpcaster { event_type: String, from: u32 },
    #[error("{event_type} cannot be decoded: {reason}")]
    Malformed { event_type: String, reason: String },
    #[error("cannot be encoded: {0}")]
    Encode(String),
    #[error("snapshot cannot be decoded: {0}")]
    Snapshot(String),
    #[error("the session has {head} events, there is no event {seq}")]
    NoSuchEvent { seq: u64, head: u64 },
    /// The named turn, or any turn, changed no file that is not undone already.
    #[error("{0}")]
    NothingToUndo(String),
    #[error("the earlier content of {path} is not at hand")]
    ContentMissing { path: String },
}
