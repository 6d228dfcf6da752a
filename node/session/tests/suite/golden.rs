//! Stored bytes never change: every event type has its bytes in `tests/golden`.
//!
//! A file is added when an event gains a form, and never edited: old logs hold those bytes.

use crate::samples::golden;
use aiex_session::{EVENT_TYPES, decode, encode};
use std::collections::BTreeSet;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn events_are_written_and_read_as_their_golden_bytes() {
    for (name, event) in golden() {
        let path = folder().join(format!("{name}.json"));
        let bytes = encode(&event).unwrap();
        let Ok(stored) = std::fs::read(&path) else {
            panic!(
                "add tests/golden/{name}.json with: {}",
                String::from_utf8_lossy(&bytes)
            );
        };
        let stored = stored.strip_suffix(b"\n").unwrap_or(&stored);
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(stored),
            "{name}"
        );
        let read = decode(event.event_type(), event.schema_version(), stored);
        assert_eq!(read, Ok(event), "{name}");
    }
}

#[test]
fn every_type_and_every_file_is_covered() {
    let sampled: BTreeSet<_> = golden()
        .iter()
        .map(|(_, event)| event.event_type())
        .collect();
    let types: BTreeSet<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(sampled, types);
    let samples: BTreeSet<_> = golden()
        .iter()
        .map(|(name, _)| format!("{name}.json"))
        .collect();
    let files = std::fs::read_dir(folder()).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), samples);
}
