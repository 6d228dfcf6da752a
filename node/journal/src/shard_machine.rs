//! Judges appends, in the order of the shard's log. Deterministic: no clock, no randomness, no panic.
//!
//! Per session it keeps the events, the head, the wrapped key, the summary, and the results of the
//! last [`DEDUPE_REQUESTS_MAX`] requests. A result leaves by the order of the log alone.

use crate::entry::{Answered, AppendEntry, Entry, Head, Reply, from_bytes, to_bytes};
use crate::record_key;
use aiex_coordinator::{ShardMachine, StateTx};
use aiex_session::{APPEND_EVENTS_MAX, DEDUPE_REQUESTS_MAX, SessionId};

/// The state machine of every shard that holds sessions.
#[derive(Debug, Default, Clone, Copy)]
pub struct SessionMachine;

impl ShardMachine for SessionMachine {
    fn apply(&self, tx: &mut dyn StateTx, _index: u64, entry: &[u8]) -> Vec<u8> {
        let reply = match from_bytes(entry) {
            Some(Entry::Append(append)) => apply_append(tx, &append),
            None => Reply::Refused,
        };
        to_bytes(&reply)
    }
}

fn apply_append(tx: &mut dyn StateTx, append: &AppendEntry<'_>) -> Reply {
    let session = SessionId::from_bytes(append.session);
    if append.events.is_empty() || append.events.len() > APPEND_EVENTS_MAX {
        return Reply::Refused;
    }
    // A repeat first: its answer must not depend on what happened since.
    let request = record_key::request(session, append.request_id);
    if let Some(answered) = stored::<Answered>(tx, &request) {
        return repeated(&answered, append);
    }
    let head: Head = stored(tx, &record_key::head(session)).unwrap_or_default();
    if append.owner_epoch < head.owner_epoch {
        let epoch = head.owner_epoch;
        return Reply::StaleOwner { epoch };
    }
    if append.expected_seq != head.seq {
        return Reply::SeqConflict { actual: head.seq };
    }
    match (head.seq, append.key) {
        (0, Some(key)) => tx.put(&record_key::wrapped_key(session), key),
        (0, None) => return Reply::Refused,
        (_, _) => {}
    }
    write_append(tx, session, append, &head)
}

fn repeated(answered: &Answered, append: &AppendEntry<'_>) -> Reply {
    if answered.digest != append.digest {
        return Reply::IdempotencyConflict;
    }
    Reply::Appended {
        first_seq: answered.first_seq,
        last_seq: answered.last_seq,
        repeated: true,
    }
}

fn write_append(
    tx: &mut dyn StateTx,
    session: SessionId,
    append: &AppendEntry<'_>,
    head: &Head,
) -> Reply {
    let mut seq = head.seq;
    for event in &append.events {
        seq += 1;
        tx.put(&record_key::event(session, seq), event);
    }
    if let Some(summary) = append.summary {
        tx.put(&record_key::summary(session), summary);
    }
    let answered = Answered {
        digest: append.digest,
        first_seq: head.seq + 1,
        last_seq: seq,
    };
    remember(tx, session, append.request_id, &answered, head.requests);
    let head = Head {
        seq,
        owner_epoch: append.owner_epoch,
        requests: head.requests + 1,
    };
    tx.put(&record_key::head(session), &to_bytes(&head));
    Reply::Appended {
        first_seq: answered.first_seq,
        last_seq: answered.last_seq,
        repeated: false,
    }
}

/// Keeps a result and lets the oldest beyond the window go.
fn remember(
    tx: &mut dyn StateTx,
    session: SessionId,
    request_id: &str,
    answered: &Answered,
    number: u64,
) {
    tx.put(
        &record_key::request(session, request_id),
        &to_bytes(answered),
    );
    tx.put(&record_key::expiry(session, number), request_id.as_bytes());
    let Some(oldest) = number.checked_sub(DEDUPE_REQUESTS_MAX as u64) else {
        return;
    };
    let expiry = record_key::expiry(session, oldest);
    if let Some(id) = tx.get(&expiry) {
        if let Ok(id) = std::str::from_utf8(&id) {
            tx.delete(&record_key::request(session, id));
        }
        tx.delete(&expiry);
    }
}

fn stored<T: for<'a> serde::Deserialize<'a>>(tx: &dyn StateTx, key: &[u8]) -> Option<T> {
    from_bytes(&tx.get(key)?)
}

#[cfg(test)]
mod tests;
