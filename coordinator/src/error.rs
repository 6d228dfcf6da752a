//! The one error type of the cluster side.

use std::path::PathBuf;

use aiex_placement::NodeId;
use thiserror::Error;

/// Says why the cluster side could not do what it was asked. Each message is one line for a person.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// Another node leads the shard; nothing was written here.
    #[error("this node does not lead the shard; {}", match hint { Some(node) => format!("ask node {node}"), None => "its leader is not known yet".to_owned() })]
    NotLeader {
        /// Who probably leads it.
        hint: Option<NodeId>,
    },
    /// The shard has no quorum, or the node is starting or stopping. Nothing is known to be written; a retry may work.
    #[error("the shard is not available: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The entry may or may not take effect. Retry with the same request id.
    #[error("the outcome is not known because leadership changed; retry with the same request id")]
    OutcomeUnknown,
    /// Too much is in flight; nothing was written.
    #[error("the shard has {limit} bytes in flight already; retry in a moment")]
    Overloaded {
        /// The limit in bytes.
        limit: usize,
    },
    /// A value is larger than its limit; nothing was written.
    #[error("{what} of {size} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// What kind of value.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A registry namespace is full; nothing was written.
    #[error("registry namespace {namespace} is full ({limit} entries)")]
    RegistryFull {
        /// The namespace.
        namespace: String,
        /// Entries it may have.
        limit: u64,
    },
    /// A registry entry has another version than expected; nothing was written.
    #[error("the entry has version {}, not the expected one", match current { Some(v) => v.to_string(), None => "none (it is absent)".to_owned() })]
    VersionMismatch {
        /// Its version, if it is there.
        current: Option<u64>,
    },
    /// A request id was used before, for something else; nothing was written.
    #[error("request id {request_id} was already used for another request")]
    IdempotencyConflict {
        /// The id.
        request_id: String,
    },
    /// No such blob.
    #[error("blob {hash} is not stored here")]
    BlobMissing {
        /// Its address.
        hash: String,
    },
    /// A stored value fails its checksum.
    #[error("{what} is damaged: its content does not match its checksum")]
    Damaged {
        /// Which value.
        what: String,
    },
    /// Acknowledged data is missing or damaged: the node must not serve with this disk.
    #[error(
        "this disk is quarantined: {reason}; restore the data directory or rejoin with an empty one"
    )]
    Quarantined {
        /// What is missing.
        reason: String,
    },
    /// The data directory may not be written.
    #[error("data directory {path} is not writable; give the node a directory it owns")]
    ReadOnly {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has the data directory open.
    #[error(
        "data directory {path} is in use by another process; stop it or choose another directory"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The data directory was written in a format this program does not know, or is not a data directory at all.
    #[error(
        "data directory {path} has another format ({found}); this program reads format {expected}"
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What this program writes.
        expected: u32,
    },
    /// The disk failed or is full. A shard that says so has stopped; a restart is needed.
    #[error("{reason}")]
    Storage {
        /// What failed, as a sentence.
        reason: String,
    },
}

impl From<aiex_storage::Error> for Error {
    fn from(error: aiex_storage::Error) -> Self {
        use aiex_storage::Error as E;
        match error {
            E::ReadOnly { path } => Self::ReadOnly { path },
            E::Locked { path } => Self::Locked { path },
            E::Format {
                path,
                found,
                expected,
            } => Self::Format {
                path,
                found,
                expected,
            },
            E::Quarantined { reason } => Self::Quarantined { reason },
            E::Damaged { what } => Self::Damaged { what },
            E::BlobMissing { hash } => Self::BlobMissing { hash },
            E::TooLarge { what, size, limit } => Self::TooLarge { what, size, limit },
            other @ (E::DiskFull | E::LogClosed { .. } | E::Io(_)) => Self::Storage {
                reason: other.to_string(),
            },
        }
    }
}

impl From<aiex_consensus::Error> for Error {
    fn from(error: aiex_consensus::Error) -> Self {
        use aiex_consensus::Error as E;
        match error {
            E::NotLeader { hint } => Self::NotLeader { hint },
            E::Unavailable { reason } => Self::Unavailable { reason },
            changed @ (E::MembershipChanged | E::PeerLink { .. }) => Self::Unavailable {
                reason: changed.to_string(),
            },
            E::OutcomeUnknown => Self::OutcomeUnknown,
            E::Overloaded { limit } => Self::Overloaded { limit },
            E::TooLarge { size, limit } => Self::TooLarge {
                what: "an entry",
                size,
                limit,
            },
            stopped @ E::Stopped(_) => Self::Storage {
                reason: stopped.to_string(),
            },
            E::Storage(storage) => storage.into(),
        }
    }
}
