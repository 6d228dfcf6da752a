//! What the journal proposes to a shard and what the shard answers: the bytes of the Raft log.
//!
//! A first byte names the version; old versions stay readable as long as logs may hold them.
//! Nothing in here is readable text of a session: events, summaries and keys are sealed before.

use serde::{Deserialize, Serialize};

/// The version that this build writes.
const VERSION: u8 = 1;

/// One proposal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry<'a> {
    Append(#[serde(borrow)] AppendEntry<'a>),
}

/// Events for the end of one session.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppendEntry<'a> {
    pub(crate) session: [u8; 16],
    /// Where the events were sealed to stand: after this number.
    pub(crate) expected_seq: u64,
    /// The writer's claim to the session; a lower one than the last is refused.
    pub(crate) owner_epoch: u64,
    pub(crate) request_id: &'a str,
    /// Keyed digest of the plain events: tells a repeat from another request under the same id.
    pub(crate) digest: [u8; 32],
    /// The session's wrapped key; with the first events only.
    pub(crate) key: Option<&'a [u8]>,
    /// One record per event.
    pub(crate) events: Vec<&'a [u8]>,
    /// The session's line in a list, as it is after these events.
    pub(crate) summary: Option<&'a [u8]>,
}

/// What became of a proposal. The same on every replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Appended {
        first_seq: u64,
        last_seq: u64,
        repeated: bool,
    },
    SeqConflict {
        actual: u64,
    },
    IdempotencyConflict,
    /// Another owner has claimed the session since.
    StaleOwner {
        epoch: u64,
    },
    /// Not an entry of this version, or one that breaks a limit.
    Refused,
}

/// A session's last number and what else appends are judged by.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) owner_epoch: u64,
    /// Requests accepted so far; the next one gets this number.
    pub(crate) requests: u64,
}

/// The kept result of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    pub(crate) digest: [u8; 32],
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

/// Encodes an entry, a reply or a stored value.
pub(crate) fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    // Only a type that postcard cannot hold fails, and these are not such; an empty value is refused on read.
    postcard::to_extend(value, vec![VERSION]).unwrap_or_default()
}

/// Decodes what [`to_bytes`] wrote; `None` for another version, damage or bytes left over.
pub(crate) fn from_bytes<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (version, rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    match postcard::take_from_bytes(rest) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}
