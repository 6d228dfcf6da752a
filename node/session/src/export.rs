//! A session as one NDJSON file; the format is described in `docs/session-export.md`.
//!
//! Each line carries a check of its own bytes, so that damage is found and named by its line.

use crate::codec::{EVENT_TYPES, decode_value, known_version};
use crate::error::Error;
use crate::event::{Event, ForkPoint, Recorded, TurnEnd};
use crate::fork::Recorder;
use crate::ids::{Seq, SessionId};
use crate::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value of `format` in the first line.
pub const EXPORT_FORMAT: &str = "aiex-session";
/// The version this build writes and the highest it reads.
pub const EXPORT_VERSION: u32 = 1;
/// Longest line that is read, in bytes.
pub const EXPORT_LINE_BYTES_MAX: usize = 64 << 20;

/// What stands between a line's payload and its check.
const CHECK_KEY: &str = ",\"check\":\"";
/// Hex digits of a check.
const CHECK_DIGITS: usize = 16;

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    session: SessionId,
    events: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    schema_version: u32,
    #[serde(flatten)]
    recorded: &'a Recorded,
}

#[derive(Deserialize)]
struct Place {
    schema_version: u32,
    seq: Seq,
    at_unix_ms: i64,
    actor: String,
    #[serde(rename = "type")]
    event_type: String,
}

/// What an export file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionDocument {
    /// The session that was exported.
    pub session: SessionId,
    pub events: Vec<Recorded>,
}

impl SessionDocument {
    /// The events as a session that can go on here: a turn that ran when the file was written is
    /// cancelled, because its tool calls belong to another session.
    pub fn settled(mut self, by: &Recorder) -> Vec<Recorded> {
        if let Some(turn) = State::replay(&self.events).turn {
            let end = TurnEnd::Cancelled {
                reason: "imported while it ran".to_owned(),
            };
            let seq = self.events.last().map_or(1, |event| event.seq + 1);
            self.events.push(Recorded {
                seq,
                at_unix_ms: by.at_unix_ms,
                actor: by.actor.clone(),
                event: Event::TurnFinished {
                    turn: turn.number,
                    end,
                },
            });
        }
        self.events
    }

    /// Where the exported session was forked from, if it was.
    pub fn forked_from(&self) -> Option<ForkPoint> {
        match self.events.first().map(|first| &first.event) {
            Some(Event::SessionCreated { forked_from, .. }) => *forked_from,
            _ => None,
        }
    }
}

/// Why a file is not a session's export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ImportError {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
    pub hint: String,
}

/// Writes a session as one document; blobs must be resolved.
///
/// # Errors
/// [`Error::ContentMissing`] when a content is still in the blob store, [`Error::Encode`].
pub fn export(session: SessionId, events: &[Recorded]) -> Result<Vec<u8>, Error> {
    let mut document = Vec::new();
    let header = Header {
        format: EXPORT_FORMAT.to_owned(),
        version: EXPORT_VERSION,
        session,
        events: events.len() as u64,
    };
    push_line(&mut document, &header)?;
    for recorded in events {
        let mut event = recorded.event.clone();
        if let Some(missing) = event
            .contents_mut()
            .into_iter()
            .find(|c| c.text().is_none())
        {
            let path = format!("event {} (BLAKE3 {})", recorded.seq, missing.hash());
            return Err(Error::ContentMissing { path });
        }
        let line = Line {
            schema_version: recorded.event.schema_version(),
            recorded,
        };
        push_line(&mut document, &line)?;
    }
    Ok(document)
}

/// Reads a document back, checking every line.
///
/// # Errors
/// [`ImportError`] with the line that is wrong and what to do.
pub fn import(document: &[u8]) -> Result<SessionDocument, ImportError> {
    let mut lines = document.split_inclusive(|byte| *byte == b'\n').zip(1..);
    let (first, _) = lines.next().ok_or_else(|| ImportError {
        line: 1,
        message: "the file is empty".to_owned(),
        hint: "write it with `aiex export session ID`".to_owned(),
    })?;
    let header = read_header(first)?;
    let mut events = Vec::new();
    let mut last = 1;
    for (bytes, line) in lines {
        last = line;
        events.push(read_event(bytes, line, events.len() as u64 + 1)?);
    }
    if events.len() as u64 != header.events {
        let message = format!(
            "the file ends after {} of {} events",
            events.len(),
            header.events
        );
        return Err(damaged(last, message));
    }
    Ok(SessionDocument {
        session: header.session,
        events,
    })
}

fn push_line(document: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Error> {
    let start = document.len();
    serde_json::to_writer(&mut *document, line).map_err(|e| Error::Encode(e.to_string()))?;
    // The closing brace makes room for the check.
    document.pop();
    let check = check_of(&document[start..]);
    document.extend_from_slice(CHECK_KEY.as_bytes());
    document.extend_from_slice(check.as_bytes());
    document.extend_from_slice(b"\"}\n");
    Ok(())
}

fn check_of(payload: &[u8]) -> String {
    let mut hex = blake3::hash(payload).to_hex().to_string();
    hex.truncate(CHECK_DIGITS);
    hex
}

fn read_header(bytes: &[u8]) -> Result<Header, ImportError> {
    let not_ours = |message: String| ImportError {
        line: 1,
        message,
        hint: "give a file written by `aiex export session ID`".to_owned(),
    };
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| not_ours(format!("not the header of a session export: {error}")))?;
    if value.get("format").and_then(Value::as_str) != Some(EXPORT_FORMAT) {
        return Err(not_ours(format!("the format is not {EXPORT_FORMAT:?}")));
    }
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(EXPORT_VERSION) => {}
        version => {
            let found = version.map_or_else(|| "missing".to_owned(), |v| v.to_string());
            return Err(ImportError {
                line: 1,
                message: format!("format version {found}, this program reads {EXPORT_VERSION}"),
                hint: "use the version of aiex that wrote the file".to_owned(),
            });
        }
    }
    verify_check(bytes, 1)?;
    serde_json::from_value(value).map_err(|error| damaged(1, error.to_string()))
}

fn read_event(bytes: &[u8], line: usize, expected: Seq) -> Result<Recorded, ImportError> {
    if bytes.len() > EXPORT_LINE_BYTES_MAX {
        let message = format!("longer than {EXPORT_LINE_BYTES_MAX} bytes");
        return Err(damaged(line, message));
    }
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| damaged(line, error.to_string()))?;
    verify_check(bytes, line)?;
    let place = Place::deserialize(&value).map_err(|error| damaged(line, error.to_string()))?;
    if place.seq != expected {
        let message = format!("event {} where {expected} belongs", place.seq);
        return Err(damaged(line, message));
    }
    let kind = &place.event_type;
    let known = known_version(kind).ok_or_else(|| ImportError {
        line,
        message: format!("unknown event type {kind:?}"),
        hint: format!(
            "use a newer aiex; this one knows {} types",
            EVENT_TYPES.len()
        ),
    })?;
    let event = decode_value(
        kind,
        place.schema_version,
        known,
        value,
        crate::codec::UPCASTERS,
    )
    .map_err(|error| damaged(line, error.to_string()))?;
    let opens = matches!(event, Event::SessionCreated { .. });
    if opens != (expected == 1) {
        let message = "a session begins with session_created and has it only once";
        return Err(damaged(line, message.to_owned()));
    }
    Ok(Recorded {
        seq: place.seq,
        at_unix_ms: place.at_unix_ms,
        actor: place.actor,
        event,
    })
}

fn verify_check(bytes: &[u8], line: usize) -> Result<(), ImportError> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let tail = CHECK_KEY.len() + CHECK_DIGITS + "\"}".len();
    let split = text.len().saturating_sub(tail);
    let (payload, found) = text.split_at(split);
    let wanted = format!("{CHECK_KEY}{}\"}}", check_of(payload));
    if found == wanted.as_bytes() {
        return Ok(());
    }
    Err(damaged(
        line,
        "the line does not match its check".to_owned(),
    ))
}

fn damaged(line: usize, message: String) -> ImportError {
    ImportError {
        line,
        message,
        hint: "the file was cut or changed after it was written; export the session again"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
