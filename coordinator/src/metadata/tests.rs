//! The metadata machine over a plain map.

use std::collections::BTreeMap;

use aiex_placement::{NodeEntry, NodeId, NodeState, place_v1};

use super::*;

#[derive(Default)]
struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

impl StateReader for Map {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }
    fn scan_prefix(&self, prefix: &[u8], start: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let from = prefix.max(start).to_vec();
        let pairs = self
            .0
            .range(from..)
            .take_while(|(k, _)| k.starts_with(prefix))
            .take(limit);
        pairs.map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

impl StateTx for Map {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.to_vec(), value.to_vec());
    }
    fn delete(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

fn send(map: &mut Map, command: &Command) -> Answer {
    let bytes = MetadataMachine.apply(map, 1, &postcard::to_stdvec(command).unwrap());
    postcard::from_bytes(&bytes).unwrap()
}

fn put(
    map: &mut Map,
    key: &str,
    expected: Option<u64>,
    value: Option<&str>,
    request_id: &str,
) -> Answer {
    let registration = Registration {
        namespace: "tokens".to_owned(),
        key: key.as_bytes().to_vec(),
        expected,
        value: value.map(|v| v.as_bytes().to_vec()),
        request_id: request_id.to_owned(),
    };
    send(map, &Command::Register(registration))
}

#[test]
fn versions_guard_changes_and_never_return() {
    let mut map = Map::default();
    assert_eq!(
        put(&mut map, "a", Some(0), Some("1"), "r1"),
        Answer::Version(1)
    );
    assert_eq!(
        put(&mut map, "a", Some(0), Some("2"), "r2"),
        Answer::Mismatch(Some(1))
    );
    assert_eq!(
        put(&mut map, "a", Some(1), Some("2"), "r3"),
        Answer::Version(3)
    );
    assert_eq!(put(&mut map, "a", Some(3), None, "r4"), Answer::Version(4));
    assert_eq!(read_entry(&map, "tokens", b"a"), None);
    assert_eq!(
        put(&mut map, "a", Some(3), Some("3"), "r5"),
        Answer::Mismatch(None)
    );
    assert_eq!(
        put(&mut map, "a", None, Some("3"), "r6"),
        Answer::Version(6)
    );
}

#[test]
fn a_repeated_request_gets_its_first_answer() {
    let mut map = Map::default();
    assert_eq!(
        put(&mut map, "a", Some(0), Some("1"), "r1"),
        Answer::Version(1)
    );
    assert_eq!(
        put(&mut map, "a", Some(1), Some("2"), "r2"),
        Answer::Version(2)
    );
    assert_eq!(
        put(&mut map, "a", Some(0), Some("1"), "r1"),
        Answer::Version(1),
        "applied twice"
    );
    assert_eq!(read_entry(&map, "tokens", b"a").unwrap().value, b"2");
    assert_eq!(
        put(&mut map, "a", Some(0), Some("other"), "r1"),
        Answer::Conflict
    );
}

#[test]
fn old_answers_are_forgotten_in_log_order() {
    let mut map = Map::default();
    for i in 0..KEPT_ANSWERS + 10 {
        put(&mut map, "a", None, Some("x"), &format!("r{i}"));
    }
    assert_eq!(
        map.scan_prefix(b"d", b"", usize::MAX).len() as u64,
        KEPT_ANSWERS
    );
    assert_eq!(
        map.scan_prefix(b"o", b"", usize::MAX).len() as u64,
        KEPT_ANSWERS
    );
}

#[test]
fn namespaces_do_not_mix_and_list_in_order() {
    let mut map = Map::default();
    put(&mut map, "b", None, Some("2"), "r1");
    put(&mut map, "a", None, Some("1"), "r2");
    let other = Registration {
        namespace: "token".to_owned(),
        key: b"sa".to_vec(),
        expected: None,
        value: Some(b"9".to_vec()),
        request_id: "r3".to_owned(),
    };
    send(&mut map, &Command::Register(other));
    let keys: Vec<_> = read_namespace(&map, "tokens")
        .into_iter()
        .map(|e| e.key)
        .collect();
    assert_eq!(keys, [b"a".to_vec(), b"b".to_vec()]);
}

#[test]
fn tables_follow_each_other_by_epoch() {
    let node = NodeEntry {
        id: NodeId(1),
        zone: String::new(),
        address: String::new(),
        state: NodeState::Up,
    };
    let view = aiex_placement::NodeView {
        id: NodeId(1),
        zone: String::new(),
        weight: 1,
        state: NodeState::Up,
        disk_used_percent: 0,
    };
    let mut table = PlacementTable::initial(vec![node], &place_v1(&[view], 16)).unwrap();
    let mut map = Map::default();
    let set = |table: &PlacementTable| Command::SetTable(Box::new(table.clone()));
    assert_eq!(send(&mut map, &set(&table)), Answer::Version(1));
    assert_eq!(send(&mut map, &set(&table)), Answer::Mismatch(Some(1)));
    table.epoch = 2;
    assert_eq!(send(&mut map, &set(&table)), Answer::Version(2));
    assert_eq!(read_table(&map), Some(table));
}

#[test]
fn rubbish_is_answered_not_applied() {
    let mut map = Map::default();
    let answer = MetadataMachine.apply(&mut map, 1, b"\xff\xff\xff");
    assert_eq!(
        postcard::from_bytes::<Answer>(&answer).unwrap(),
        Answer::Unknown
    );
    assert!(map.0.is_empty());
}
