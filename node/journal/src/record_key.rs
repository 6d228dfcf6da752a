//! Keys of a shard's records. The first byte is the kind; numbers are big-endian, so that they sort.

use aiex_session::{Seq, SessionId};

/// Prefix of every head: one record per session.
pub(crate) const HEADS: &[u8] = b"H";

/// `E ‖ session ‖ seq`: one event.
pub(crate) fn event(session: SessionId, seq: Seq) -> Vec<u8> {
    joined(b"E", session, &seq.to_be_bytes())
}

/// `E ‖ session`: the prefix of a session's events.
pub(crate) fn events(session: SessionId) -> Vec<u8> {
    joined(b"E", session, b"")
}

/// `H ‖ session`: the session's [`crate::entry::Head`].
pub(crate) fn head(session: SessionId) -> Vec<u8> {
    joined(HEADS, session, b"")
}

/// `K ‖ session`: the session's wrapped key. Without it nothing of the session can be read.
pub(crate) fn wrapped_key(session: SessionId) -> Vec<u8> {
    joined(b"K", session, b"")
}

/// `D ‖ session ‖ request id`: the [`crate::entry::Answered`] of a request.
pub(crate) fn request(session: SessionId, request_id: &str) -> Vec<u8> {
    joined(b"D", session, request_id.as_bytes())
}

/// `X ‖ session ‖ number`: the id of a request, in the order in which they leave.
pub(crate) fn expiry(session: SessionId, number: u64) -> Vec<u8> {
    joined(b"X", session, &number.to_be_bytes())
}

/// `PS ‖ session`: the session's sealed summary.
pub(crate) fn summary(session: SessionId) -> Vec<u8> {
    joined(b"PS", session, b"")
}

/// Reads the session out of a key that is `prefix ‖ session`.
pub(crate) fn session_after(prefix: &[u8], key: &[u8]) -> Option<SessionId> {
    let rest = key.strip_prefix(prefix)?;
    Some(SessionId::from_bytes(rest.try_into().ok()?))
}

fn joined(kind: &[u8], session: SessionId, rest: &[u8]) -> Vec<u8> {
    [kind, session.as_bytes(), rest].concat()
}
