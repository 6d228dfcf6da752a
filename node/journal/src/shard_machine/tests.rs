//! The machine over a plain map.

use super::SessionMachine;
use crate::entry::{AppendEntry, Entry, Head, Reply, from_bytes, to_bytes};
use crate::map_state::Map;
use crate::record_key;
use aiex_coordinator::{ShardMachine, StateReader};
use aiex_session::{APPEND_EVENTS_MAX, DEDUPE_REQUESTS_MAX, SessionId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SESSION: [u8; 16] = [4; 16];

fn append<'a>(expected_seq: u64, request_id: &'a str, events: &[&'a [u8]]) -> AppendEntry<'a> {
    AppendEntry {
        session: SESSION,
        expected_seq,
        owner_epoch: 0,
        request_id,
        digest: *blake3::hash(&events.concat()).as_bytes(),
        key: Some(b"wrapped"),
        events: events.to_vec(),
        summary: None,
    }
}

fn apply(map: &mut Map, append: AppendEntry<'_>) -> Reply {
    let entry = to_bytes(&Entry::Append(append));
    from_bytes(&SessionMachine.apply(map, 1, &entry)).unwrap()
}

const fn appended(first_seq: u64, last_seq: u64, repeated: bool) -> Reply {
    Reply::Appended {
        first_seq,
        last_seq,
        repeated,
    }
}

#[test]
fn events_are_numbered_and_the_key_is_kept_once() {
    let mut map = Map::default();
    assert_eq!(
        apply(&mut map, append(0, "a", &[b"one", b"two"])),
        appended(1, 2, false)
    );
    let other_key = AppendEntry {
        key: Some(b"other"),
        ..append(2, "b", &[b"three"])
    };
    assert_eq!(apply(&mut map, other_key), appended(3, 3, false));
    let session = SessionId::from_bytes(SESSION);
    assert_eq!(
        map.get(&record_key::wrapped_key(session)).unwrap(),
        b"wrapped"
    );
    let events = map.scan_prefix(&record_key::events(session), b"", 10);
    let events: Vec<_> = events.iter().map(|(_, event)| event.as_slice()).collect();
    assert_eq!(events, [b"one".as_slice(), b"two", b"three"]);
    let page = map.scan_prefix(
        &record_key::events(session),
        &record_key::event(session, 3),
        10,
    );
    assert_eq!(page.len(), 1);
}

#[test]
fn a_repeat_is_answered_before_anything_else_is_looked_at() {
    let mut map = Map::default();
    apply(&mut map, append(0, "a", &[b"one"]));
    let claimed = AppendEntry {
        owner_epoch: 7,
        ..append(1, "b", &[b"two"])
    };
    assert_eq!(apply(&mut map, claimed), appended(2, 2, false));
    let before = map.clone();
    assert_eq!(
        apply(&mut map, append(0, "a", &[b"one"])),
        appended(1, 1, true)
    );
    assert_eq!(
        apply(&mut map, append(9, "a", &[b"one"])),
        appended(1, 1, true)
    );
    assert_eq!(
        apply(&mut map, append(0, "a", &[b"other"])),
        Reply::IdempotencyConflict
    );
    assert_eq!(map, before);
}

#[test]
fn a_stale_owner_and_a_wrong_number_change_nothing() {
    let mut map = Map::default();
    let owner = |owner_epoch, seq, id| AppendEntry {
        owner_epoch,
        ..append(seq, id, &[b"x"])
    };
    assert_eq!(apply(&mut map, owner(3, 0, "a")), appended(1, 1, false));
    let before = map.clone();
    assert_eq!(
        apply(&mut map, owner(2, 1, "b")),
        Reply::StaleOwner { epoch: 3 }
    );
    assert_eq!(
        apply(&mut map, owner(3, 0, "b")),
        Reply::SeqConflict { actual: 1 }
    );
    assert_eq!(
        apply(&mut map, owner(3, 5, "b")),
        Reply::SeqConflict { actual: 1 }
    );
    assert_eq!(map, before);
    assert_eq!(apply(&mut map, owner(4, 1, "b")), appended(2, 2, false));
}

#[test]
fn what_is_no_entry_is_refused() {
    let mut map = Map::default();
    let good = to_bytes(&Entry::Append(append(0, "a", &[b"one"])));
    let mut cut: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    cut.push([good.as_slice(), b"more"].concat());
    cut.push([&[99], &good[1..]].concat());
    for entry in cut {
        let reply: Reply = from_bytes(&SessionMachine.apply(&mut map, 1, &entry)).unwrap();
        assert_eq!(reply, Reply::Refused);
    }
    let events = vec![b"x".as_slice(); APPEND_EVENTS_MAX + 1];
    assert_eq!(apply(&mut map, append(0, "a", &events)), Reply::Refused);
    assert_eq!(apply(&mut map, append(0, "a", &[])), Reply::Refused);
    let without_key = AppendEntry {
        key: None,
        ..append(0, "a", &[b"one"])
    };
    assert_eq!(apply(&mut map, without_key), Reply::Refused);
    assert_eq!(map, Map::default());
}

#[test]
fn the_window_of_results_does_not_grow() {
    let mut map = Map::default();
    let id = |n: u64| format!("request {n}");
    let last = DEDUPE_REQUESTS_MAX as u64 * 3;
    for n in 0..last {
        assert_eq!(
            apply(&mut map, append(n, &id(n), &[b"x"])),
            appended(n + 1, n + 1, false)
        );
    }
    assert_eq!(
        map.scan_prefix(b"D", b"", usize::MAX).len(),
        DEDUPE_REQUESTS_MAX
    );
    assert_eq!(
        map.scan_prefix(b"X", b"", usize::MAX).len(),
        DEDUPE_REQUESTS_MAX
    );
    let oldest = last - DEDUPE_REQUESTS_MAX as u64;
    assert_eq!(
        apply(&mut map, append(0, &id(oldest), &[b"x"])),
        appended(oldest + 1, oldest + 1, true)
    );
    assert_eq!(
        apply(&mut map, append(0, &id(oldest - 1), &[b"x"])),
        Reply::SeqConflict { actual: last }
    );
    let head: Head = from_bytes(
        &map.get(&record_key::head(SessionId::from_bytes(SESSION)))
            .unwrap(),
    )
    .unwrap();
    assert_eq!((head.seq, head.requests), (last, last));
}

proptest! {
    /// Whatever arrives, in whatever order and how often: the log has each accepted request once.
    #[test]
    fn no_order_of_retries_doubles_an_event(tries in prop::collection::vec((0u8..12, 0u64..8), 1..80)) {
        let mut map = Map::default();
        let mut accepted = BTreeMap::new();
        for (request, expected) in tries {
            let id = request.to_string();
            let payload = [request];
            let reply = apply(&mut map, append(expected, &id, &[&payload]));
            match (accepted.get(&request).copied(), reply) {
                (Some(seq), reply) => prop_assert_eq!(reply, appended(seq, seq, true)),
                (None, Reply::Appended { first_seq, repeated: false, .. }) => {
                    prop_assert_eq!(first_seq, expected + 1);
                    accepted.insert(request, first_seq);
                }
                (None, reply) => prop_assert_eq!(reply, Reply::SeqConflict { actual: accepted.len() as u64 }),
            }
        }
        let mut wanted: Vec<(u64, Vec<u8>)> = accepted.iter().map(|(r, s)| (*s, vec![*r])).collect();
        wanted.sort();
        let stored = map.scan_prefix(&record_key::events(SessionId::from_bytes(SESSION)), b"", usize::MAX);
        let stored: Vec<_> = stored.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(stored, wanted.into_iter().map(|(_, event)| event).collect::<Vec<_>>());
    }
}
