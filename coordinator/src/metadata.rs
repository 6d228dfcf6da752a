//! The metadata group's state machine: the placement table and the registry.
//!
//! Keys: `t` the table; `v` the revision, which counts changes and is never reused; `n‖namespace` how many entries a
//! namespace has; `r‖len‖namespace‖key` an entry; `d‖request id` the answer to a request; `o‖revision` the request ids in
//! order, so that the oldest answers are forgotten first, by the order of the log and by no clock.

use aiex_consensus::{ShardMachine, StateReader, StateTx};
use aiex_placement::PlacementTable;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Longest key of a registry entry, in bytes.
pub const MAX_REGISTRY_KEY_BYTES: usize = 512;
/// Largest value of a registry entry, in bytes.
pub const MAX_REGISTRY_VALUE_BYTES: usize = 256 << 10;
/// Entries of one namespace.
pub const REGISTRY_ENTRIES_PER_NAMESPACE: u64 = 65_536;
/// Longest namespace name, in bytes.
pub(crate) const MAX_NAMESPACE_BYTES: usize = 64;
/// Longest request id, in bytes.
pub(crate) const MAX_REQUEST_ID_BYTES: usize = 128;
/// Answers kept for repeated requests.
const KEPT_ANSWERS: u64 = 4_096;

const TABLE: &[u8] = b"t";
const REVISION: &[u8] = b"v";

/// One entry of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryEntry {
    /// Its key within the namespace.
    pub key: Vec<u8>,
    /// Grows with every change of anything in the registry and is never reused.
    pub version: u64,
    /// Opaque bytes.
    pub value: Vec<u8>,
}

/// A change of the metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Sets the table, if the one before has the epoch just below.
    SetTable(Box<PlacementTable>),
    /// Sets or removes a registry entry.
    Register(Registration),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) namespace: String,
    pub(crate) key: Vec<u8>,
    /// `None` takes any, `Some(0)` wants it absent.
    pub(crate) expected: Option<u64>,
    /// `None` removes it.
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) request_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Done; the version is now this.
    Version(u64),
    /// Refused: the entry has this version, or is absent.
    Mismatch(Option<u64>),
    /// Refused: the request id was used for something else.
    Conflict,
    /// Refused: the namespace is full.
    Full,
    /// Refused: the bytes are not a command this version knows.
    Unknown,
}

pub(crate) struct MetadataMachine;

impl ShardMachine for MetadataMachine {
    fn apply(&self, tx: &mut dyn StateTx, _index: u64, entry: &[u8]) -> Vec<u8> {
        let answer = match postcard::from_bytes(entry) {
            Ok(Command::SetTable(table)) => set_table(tx, &table),
            Ok(Command::Register(registration)) => register_once(tx, &registration, xxh3_64(entry)),
            Err(_) => Answer::Unknown,
        };
        // Encoding a plain enum into memory cannot fail; an empty answer reads as unknown.
        postcard::to_stdvec(&answer).unwrap_or_default()
    }
}

fn set_table(tx: &mut dyn StateTx, table: &PlacementTable) -> Answer {
    let epoch = read_table(tx).map(|current| current.epoch);
    if epoch.unwrap_or(0) + 1 != table.epoch || table.validate().is_err() {
        return Answer::Mismatch(epoch);
    }
    match postcard::to_stdvec(table) {
        Ok(bytes) => tx.put(TABLE, &bytes),
        Err(_) => return Answer::Unknown,
    }
    Answer::Version(table.epoch)
}

/// Answers a repeated request from memory, and remembers the answer to a new one.
fn register_once(tx: &mut dyn StateTx, registration: &Registration, digest: u64) -> Answer {
    let dedupe = [b"d", registration.request_id.as_bytes()].concat();
    if let Some(kept) = tx.get(&dedupe) {
        return match postcard::from_bytes::<(u64, Answer)>(&kept) {
            Ok((same, answer)) if same == digest => answer,
            _ => Answer::Conflict,
        };
    }
    let revision = tx
        .get(REVISION)
        .and_then(|v| v.try_into().ok())
        .map_or(0, u64::from_be_bytes)
        + 1;
    tx.put(REVISION, &revision.to_be_bytes());
    let answer = register(tx, registration, revision);
    if let Ok(kept) = postcard::to_stdvec(&(digest, &answer)) {
        tx.put(&dedupe, &kept);
        tx.put(&order_key(revision), &dedupe);
    }
    if let Some(old) = revision.checked_sub(KEPT_ANSWERS).map(order_key)
        && let Some(forgotten) = tx.get(&old)
    {
        tx.delete(&forgotten);
        tx.delete(&old);
    }
    answer
}

fn register(tx: &mut dyn StateTx, registration: &Registration, revision: u64) -> Answer {
    let key = entry_key(&registration.namespace, &registration.key);
    let current = tx
        .get(&key)
        .and_then(|stored| split_entry(&stored))
        .map(|(version, _)| version);
    if registration
        .expected
        .is_some_and(|expected| expected != current.unwrap_or(0))
    {
        return Answer::Mismatch(current);
    }
    let count_key = [b"n", registration.namespace.as_bytes()].concat();
    let count = tx
        .get(&count_key)
        .and_then(|v| v.try_into().ok())
        .map_or(0, u64::from_be_bytes);
    let count = match (&registration.value, current) {
        (Some(_), None) if count >= REGISTRY_ENTRIES_PER_NAMESPACE => return Answer::Full,
        (Some(_), None) => count + 1,
        (None, Some(_)) => count.saturating_sub(1),
        _ => count,
    };
    tx.put(&count_key, &count.to_be_bytes());
    match &registration.value {
        Some(value) => tx.put(&key, &[&revision.to_be_bytes()[..], value].concat()),
        None => tx.delete(&key),
    }
    Answer::Version(revision)
}

pub(crate) fn read_table(state: &dyn StateReader) -> Option<PlacementTable> {
    postcard::from_bytes(&state.get(TABLE)?).ok()
}

pub(crate) fn read_entry(
    state: &dyn StateReader,
    namespace: &str,
    key: &[u8],
) -> Option<RegistryEntry> {
    let (version, value) = split_entry(&state.get(&entry_key(namespace, key))?)?;
    Some(RegistryEntry {
        key: key.to_vec(),
        version,
        value,
    })
}

pub(crate) fn read_namespace(state: &dyn StateReader, namespace: &str) -> Vec<RegistryEntry> {
    let prefix = entry_key(namespace, &[]);
    let pairs = state.scan_prefix(&prefix, &[], REGISTRY_ENTRIES_PER_NAMESPACE as usize);
    let entry = |(key, stored): (Vec<u8>, Vec<u8>)| {
        let (version, value) = split_entry(&stored)?;
        Some(RegistryEntry {
            key: key[prefix.len()..].to_vec(),
            version,
            value,
        })
    };
    pairs.into_iter().filter_map(entry).collect()
}

fn entry_key(namespace: &str, key: &[u8]) -> Vec<u8> {
    // The length keeps namespace "a", key "bc" apart from namespace "ab", key "c".
    [
        b"r",
        &[namespace.len() as u8][..],
        namespace.as_bytes(),
        key,
    ]
    .concat()
}

fn order_key(revision: u64) -> Vec<u8> {
    [b"o", &revision.to_be_bytes()[..]].concat()
}

fn split_entry(stored: &[u8]) -> Option<(u64, Vec<u8>)> {
    let (version, value) = stored.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*version), value.to_vec()))
}

#[cfg(test)]
mod tests;
