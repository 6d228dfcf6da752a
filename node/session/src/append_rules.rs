//! What every store asks of an append, and how a rewritten past becomes appends.

use crate::codec::encode;
use crate::event::{Content, Event, Recorded};
use crate::event_store::{Append, ExpectedSeq, StoreError};
use crate::ids::SessionId;
use crate::{APPEND_BYTES_MAX, APPEND_EVENTS_MAX, INLINE_BYTES_MAX, NAME_BYTES_MAX};

/// Bytes that the name of a blob takes in an event, at most.
const BLOB_NAME_BYTES: usize = 128;

/// Checks the limits: 1 to [`APPEND_EVENTS_MAX`] events of [`APPEND_BYTES_MAX`] together, contents
/// that go to the blob store not counted.
///
/// # Errors
/// [`StoreError::Invalid`] or [`StoreError::TooLarge`].
pub fn check_append(append: &Append) -> Result<(), StoreError> {
    if append.events.is_empty() {
        return Err(StoreError::Invalid("it has no events".to_owned()));
    }
    if append.request_id.is_empty() || append.request_id.len() > NAME_BYTES_MAX {
        let why = format!("the request id is not 1 to {NAME_BYTES_MAX} bytes long");
        return Err(StoreError::Invalid(why));
    }
    check_limit(append.events.len(), APPEND_EVENTS_MAX, "events")?;
    let mut bytes = 0;
    for event in &append.events {
        bytes += inline_bytes(event)?;
    }
    check_limit(bytes, APPEND_BYTES_MAX, "bytes")
}

/// Digest of what a request appends: the events alone, so that a retry at another time is the same request.
///
/// # Errors
/// [`StoreError::Invalid`] when an event has no encoding.
pub fn request_digest(events: &[Event]) -> Result<[u8; 32], StoreError> {
    let mut hasher = blake3::Hasher::new();
    for event in events {
        let bytes = encoded(event)?;
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Cuts recorded events into appends that keep each event's time and author, for forks and imports.
///
/// Appended in order to an empty session they give the same events back. Their request ids are
/// derived from `request_id`, so that the whole can be repeated after a failure.
///
/// # Errors
/// [`StoreError::TooLarge`] when a single event is over the limit of an append.
pub fn appends_of(
    session: SessionId,
    events: &[Recorded],
    request_id: &str,
) -> Result<Vec<Append>, StoreError> {
    let mut appends: Vec<Append> = Vec::new();
    let mut bytes = 0;
    for recorded in events {
        let size = inline_bytes(&recorded.event)?;
        check_limit(size, APPEND_BYTES_MAX, "bytes")?;
        let fits = appends.last().is_some_and(|last| {
            last.at_unix_ms == recorded.at_unix_ms
                && last.actor == recorded.actor
                && last.events.len() < APPEND_EVENTS_MAX
                && bytes + size <= APPEND_BYTES_MAX
        });
        if !fits {
            bytes = 0;
            appends.push(Append {
                session,
                expected: ExpectedSeq::Exact(recorded.seq.saturating_sub(1)),
                request_id: format!("{request_id}/{}", appends.len()),
                actor: recorded.actor.clone(),
                at_unix_ms: recorded.at_unix_ms,
                events: Vec::new(),
            });
        }
        bytes += size;
        if let Some(last) = appends.last_mut() {
            last.events.push(recorded.event.clone());
        }
    }
    Ok(appends)
}

/// Bytes of the event as stored, its large contents replaced by their names.
fn inline_bytes(event: &Event) -> Result<usize, StoreError> {
    let mut event = event.clone();
    let mut names = 0;
    for content in event.contents_mut() {
        if content
            .text()
            .is_some_and(|text| text.len() > INLINE_BYTES_MAX)
        {
            *content = Content::Inline(String::new());
            names += BLOB_NAME_BYTES;
        }
    }
    Ok(encoded(&event)?.len() + names)
}

fn encoded(event: &Event) -> Result<Vec<u8>, StoreError> {
    encode(event).map_err(|error| StoreError::Invalid(error.to_string()))
}

const fn check_limit(actual: usize, limit: usize, unit: &'static str) -> Result<(), StoreError> {
    if actual > limit {
        return Err(StoreError::TooLarge {
            actual,
            limit,
            unit,
        });
    }
    Ok(())
}
