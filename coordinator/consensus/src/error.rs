//! The one error type of consensus.

use aiex_placement::NodeId;
use thiserror::Error;

/// Says why a group could not do what it was asked.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// Another node leads the group; nothing was written here.
    #[error("this node does not lead the group; {}", match hint { Some(node) => format!("ask node {node}"), None => "its leader is not known yet".to_owned() })]
    NotLeader {
        /// Who probably leads it.
        hint: Option<NodeId>,
    },
    /// The group has no quorum, or is starting or stopping. Nothing is known to be written; a retry may work.
    #[error("the group is not available: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// Leadership changed while the entry was under way: it may or may not take effect. Retry with the same request id.
    #[error("the outcome is not known because leadership changed; retry with the same request id")]
    OutcomeUnknown,
    /// Too much is in flight; nothing was written.
    #[error("the group has {limit} bytes in flight already; retry in a moment")]
    Overloaded {
        /// The limit in bytes.
        limit: usize,
    },
    /// The entry is larger than the limit; nothing was written.
    #[error(
        "an entry of {size} bytes is larger than the limit of {limit}; store large values as blobs"
    )]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The stores failed. The group has stopped; a restart is needed.
    #[error("the group stopped because its storage failed: {0}")]
    Stopped(String),
    /// The membership is not the one that the change was decided on; nothing was written. Look again and decide anew.
    #[error("the group's membership has changed in the meantime")]
    MembershipChanged,
    /// The peer link cannot start as configured.
    #[error("the peer link cannot be used: {reason}")]
    PeerLink {
        /// Why.
        reason: String,
    },
    /// The stores refused or failed a single operation.
    #[error(transparent)]
    Storage(#[from] aiex_storage::Error),
}
