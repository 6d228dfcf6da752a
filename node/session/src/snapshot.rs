//! A state kept to save replay. Never the truth: a snapshot of another schema is dropped, not migrated.

use crate::error::Error;
use crate::state::State;
use serde::{Deserialize, Serialize};

/// Raised with every change of [`State`] or of the way events evolve it.
pub const SNAPSHOT_SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Write<'a> {
    schema: u32,
    state: &'a State,
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

#[derive(Deserialize)]
struct Read {
    state: State,
}

/// Encodes a state with the schema version of this build.
///
/// # Errors
/// [`Error::Encode`]; not reachable for states that came from events.
pub fn take_snapshot(state: &State) -> Result<Vec<u8>, Error> {
    let snapshot = Write {
        schema: SNAPSHOT_SCHEMA,
        state,
    };
    serde_json::to_vec(&snapshot).map_err(|error| Error::Encode(error.to_string()))
}

/// Reads a snapshot back; `None` when another schema wrote it and the events must be replayed.
///
/// # Errors
/// [`Error::Snapshot`] when the bytes are damaged.
pub fn restore_snapshot(bytes: &[u8]) -> Result<Option<State>, Error> {
    let damaged = |error: serde_json::Error| Error::Snapshot(error.to_string());
    let Schema { schema } = serde_json::from_slice(bytes).map_err(damaged)?;
    if schema != SNAPSHOT_SCHEMA {
        return Ok(None);
    }
    let Read { state } = serde_json::from_slice(bytes).map_err(damaged)?;
    Ok(Some(state))
}
