//! What a store makes of a shard's records, without a cluster.

use super::{KeyRing, stored_head, stored_keys};
use crate::entry::{Head, to_bytes};
use crate::error::Error;
use crate::map_state::Map;
use crate::record_key;
use crate::sealed_event::{Outgoing, open, seal};
use aiex_coordinator::StateTx;
use aiex_security::MasterKey;
use aiex_session::{Event, SessionId};
use proptest::prelude::*;
use std::sync::Arc;

fn ring(key: u8) -> KeyRing {
    KeyRing::new(Arc::new(MasterKey::from_bytes(&[key; 32]).unwrap()))
}

fn session() -> SessionId {
    SessionId::from_bytes([6; 16])
}

fn with_head(seq: u64) -> Map {
    let mut map = Map::default();
    let head = Head {
        seq,
        ..Head::default()
    };
    map.put(&record_key::head(session()), &to_bytes(&head));
    map
}

#[test]
fn a_destroyed_key_is_told_from_a_session_that_never_was() {
    assert!(matches!(
        stored_keys(&Map::default(), &ring(1), session()),
        Ok(None)
    ));
    let erased = stored_keys(&with_head(3), &ring(1), session());
    assert!(
        matches!(erased, Err(Error::KeyDestroyed { .. })),
        "{erased:?}"
    );
}

#[test]
fn a_key_of_another_master_or_a_damaged_one_is_reported() {
    let (record, _) = ring(1).create(session()).unwrap();
    let mut map = with_head(1);
    map.put(&record_key::wrapped_key(session()), &record);
    assert!(matches!(
        stored_keys(&map, &ring(1), session()),
        Ok(Some(_))
    ));
    let other = stored_keys(&map, &ring(2), session())
        .unwrap_err()
        .to_string();
    assert!(other.contains("master key"), "{other}");
    map.put(
        &record_key::wrapped_key(session()),
        &record[..record.len() - 1],
    );
    assert!(matches!(
        stored_keys(&map, &ring(1), session()),
        Err(Error::Damaged { .. })
    ));
    map.put(&record_key::head(session()), b"rubbish");
    assert!(matches!(
        stored_head(&map, session()),
        Err(Error::Damaged { .. })
    ));
}

#[test]
fn an_event_opens_at_its_own_number_only() {
    let (_, keys) = ring(1).create(session()).unwrap();
    let event = Event::SessionRetitled {
        title: "long enough to be compressed ".repeat(20),
    };
    let out = Outgoing {
        event: &event,
        blobs: Vec::new(),
        at_unix_ms: -7,
        actor: "user:ana",
    };
    let sealed = seal(&keys, 3, &out).unwrap();
    assert!(sealed.len() < 200, "{} bytes", sealed.len());
    let opened = open(&keys, 3, &sealed).unwrap().recorded;
    assert_eq!(
        (opened.seq, opened.at_unix_ms, opened.actor.as_str()),
        (3, -7, "user:ana")
    );
    assert_eq!(opened.event, event);
    assert!(matches!(
        open(&keys, 4, &sealed),
        Err(Error::Damaged { .. })
    ));
}

#[test]
fn digests_differ_between_sessions_with_equal_events() {
    let (_, one) = ring(1).create(session()).unwrap();
    let (_, two) = ring(1).create(SessionId::from_bytes([7; 16])).unwrap();
    let events = [Event::SessionArchived];
    assert_eq!(one.digest(&events), one.digest(&events));
    assert_ne!(one.digest(&events), two.digest(&events));
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_again(title in "\\PC{0,400}", at: i64, actor in "[a-z:]{0,9}", seq: u64) {
        let (_, keys) = ring(1).create(session()).unwrap();
        let event = Event::SessionRetitled { title };
        let out = Outgoing { event: &event, blobs: Vec::new(), at_unix_ms: at, actor: &actor };
        let opened = open(&keys, seq, &seal(&keys, seq, &out).unwrap()).unwrap().recorded;
        prop_assert_eq!((opened.event, opened.at_unix_ms, opened.seq), (event, at, seq));
    }
}
