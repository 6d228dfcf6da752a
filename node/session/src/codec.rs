//! Events as stored bytes: one JSON object per event, with a schema version per event type.
//!
//! Stored bytes are never rewritten. A field that is added gets a default; a change that a default
//! cannot express raises the type's version and adds a step to [`UPCASTERS`].

use crate::error::Error;
use crate::event::Event;
use serde::Serialize;
use serde_json::Value;

/// Turns the payload of one schema version into that of the next.
pub(crate) type Upcast = fn(Value) -> Result<Value, String>;

/// One step: event type, the version it starts from, the change.
pub(crate) type Upcaster = (&'static str, u32, Upcast);

/// Every event type and the schema version this build writes.
pub const EVENT_TYPES: [(&str, u32); 11] = [
    ("session_created", 1),
    ("session_retitled", 1),
    ("session_archived", 1),
    ("turn_started", 1),
    ("model_call_intended", 1),
    ("model_replied", 1),
    ("model_call_failed", 1),
    ("tool_call_intended", 1),
    ("approval_decided", 1),
    ("tool_call_finished", 1),
    ("turn_finished", 1),
];

/// The steps from old payloads to new ones. Empty: no type has a second version yet.
pub(crate) const UPCASTERS: &[Upcaster] = &[];

impl Event {
    /// The stored name of the event's type.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Event::SessionCreated { .. } => "session_created",
            Event::SessionRetitled { .. } => "session_retitled",
            Event::SessionArchived => "session_archived",
            Event::TurnStarted { .. } => "turn_started",
            Event::ModelCallIntended { .. } => "model_call_intended",
            Event::ModelReplied { .. } => "model_replied",
            Event::ModelCallFailed { .. } => "model_call_failed",
            Event::ToolCallIntended { .. } => "tool_call_intended",
            Event::ApprovalDecided { .. } => "approval_decided",
            Event::ToolCallFinished { .. } => "tool_call_finished",
            Event::TurnFinished { .. } => "turn_finished",
        }
    }

    /// The schema version [`encode`] writes for this event.
    pub fn schema_version(&self) -> u32 {
        schema_version(self.event_type())
    }
}

/// The schema version this build writes for an event type; 0 for a type it does not know.
pub fn schema_version(event_type: &str) -> u32 {
    known_version(event_type).unwrap_or(0)
}

/// Encodes an event as JSON; the object carries its `type`.
///
/// # Errors
/// [`Error::Encode`]; not reachable for events that came from [`decode`] or [`crate::decide`].
pub fn encode(event: &Event) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(event).map_err(|error| Error::Encode(error.to_string()))
}

/// Decodes an event of this or an earlier schema version; fields it does not know are skipped.
///
/// # Errors
/// [`Error::UnknownEventType`], [`Error::NewerSchema`], [`Error::NoUpcaster`] or [`Error::Malformed`].
pub fn decode(event_type: &str, schema_version: u32, bytes: &[u8]) -> Result<Event, Error> {
    let known =
        known_version(event_type).ok_or_else(|| Error::UnknownEventType(event_type.to_owned()))?;
    let malformed = |reason: String| Error::Malformed {
        event_type: event_type.to_owned(),
        reason,
    };
    let value = serde_json::from_slice(bytes).map_err(|e| malformed(e.to_string()))?;
    decode_value(event_type, schema_version, known, value, UPCASTERS)
}

/// Upcasts step by step to `known`, then reads the event.
pub(crate) fn decode_value(
    event_type: &str,
    schema_version: u32,
    known: u32,
    mut value: Value,
    upcasters: &[Upcaster],
) -> Result<Event, Error> {
    let event_type_owned = || event_type.to_owned();
    if schema_version > known {
        return Err(Error::NewerSchema {
            event_type: event_type_owned(),
            found: schema_version,
            known,
        });
    }
    let malformed = |reason| Error::Malformed {
        event_type: event_type.to_owned(),
        reason,
    };
    for from in schema_version..known {
        let step = upcasters
            .iter()
            .find(|(t, v, _)| *t == event_type && *v == from);
        let (_, _, upcast) = step.ok_or_else(|| Error::NoUpcaster {
            event_type: event_type_owned(),
            from,
        })?;
        value = upcast(value).map_err(malformed)?;
    }
    let event: Event = serde_json::from_value(value).map_err(|e| malformed(e.to_string()))?;
    if event.event_type() != event_type {
        return Err(malformed(format!("it says it is {}", event.event_type())));
    }
    Ok(event)
}

pub(crate) fn known_version(event_type: &str) -> Option<u32> {
    let mut known = EVENT_TYPES.iter();
    known
        .find(|(name, _)| *name == event_type)
        .map(|(_, version)| *version)
}

/// Lower-case hex BLAKE3 of a value's JSON; a value that has no JSON has the digest of its error.
pub(crate) fn digest(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_else(|e| e.to_string().into_bytes());
    blake3::hash(&bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests;
