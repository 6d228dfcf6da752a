//! Keys are written, read and bounded as said.

use super::*;
use std::collections::BTreeMap;

fn facts() -> Facts {
    Facts {
        client_address: "node-0.aiex:7400".to_owned(),
        peer_address: "[::1]:7401".to_owned(),
        zone: String::new(),
        version: "0.1.0".to_owned(),
        readiness: Readiness::Ready,
        draining: true,
        left: false,
        storage_epoch: 3,
    }
}

fn decode(name: &str, keys: &BTreeMap<&str, String>) -> Option<(NodeId, Facts)> {
    let size = keys.iter().map(|(k, v)| k.len() + v.len()).sum();
    Facts::decode(name, size, |key| keys.get(key).map(String::as_str))
}

#[test]
fn what_is_written_is_read() {
    let keys: BTreeMap<_, _> = facts().encode(NodeId(7)).unwrap().into_iter().collect();
    assert_eq!(decode("7", &keys), Some((NodeId(7), facts())));
}

#[test]
fn each_required_key_is_required() {
    let whole: BTreeMap<_, _> = facts().encode(NodeId(7)).unwrap().into_iter().collect();
    let optional = [KEY_DRAINING, KEY_LEFT];
    for key in whole.keys().copied() {
        let mut less = whole.clone();
        less.remove(key);
        assert_eq!(
            decode("7", &less).is_some(),
            optional.contains(&key),
            "without {key}"
        );
    }
}

#[test]
fn a_name_that_is_not_the_id_is_refused() {
    let keys: BTreeMap<_, _> = facts().encode(NodeId(7)).unwrap().into_iter().collect();
    for name in ["8", "07", "n7", "", "18446744073709551616"] {
        assert_eq!(decode(name, &keys), None, "name {name:?}");
    }
}

#[test]
fn keys_of_a_later_version_are_passed_over() {
    let mut keys: BTreeMap<_, _> = facts().encode(NodeId(7)).unwrap().into_iter().collect();
    keys.insert("mood", "good".to_owned());
    keys.insert(KEY_READINESS, "almost".to_owned());
    let (_, read) = decode("7", &keys).unwrap();
    assert_eq!(read.readiness, Readiness::NotReady);
}

#[test]
fn too_large_a_state_is_not_read() {
    let mut keys: BTreeMap<_, _> = facts().encode(NodeId(7)).unwrap().into_iter().collect();
    let size: usize = keys.iter().map(|(k, v)| k.len() + v.len()).sum();
    keys.insert("x", "y".repeat(MAX_STATE_BYTES - size - 2));
    assert!(decode("7", &keys).is_some(), "one byte below the limit");
    keys.insert("x", "y".repeat(MAX_STATE_BYTES - size - 1));
    assert!(decode("7", &keys).is_none(), "at the limit");
}

#[test]
fn too_large_a_state_is_refused_before_it_is_gossiped() {
    let mut long = facts();
    let size: usize = long
        .encode(NodeId(7))
        .unwrap()
        .iter()
        .map(|(k, v)| k.len() + v.len())
        .sum();
    long.zone = "z".repeat(MAX_STATE_BYTES - size - 1);
    assert!(long.encode(NodeId(7)).is_ok(), "one byte below the limit");
    long.zone.push('z');
    let refusal = long.encode(NodeId(7));
    assert!(
        matches!(refusal, Err(Error::StateTooLarge { size: 1200, .. })),
        "{refusal:?}"
    );
    long = facts();
    long.client_address = format!("{}:1", "h".repeat(MAX_ADDRESS_BYTES));
    assert!(matches!(
        long.encode(NodeId(7)),
        Err(Error::Config {
            key: "client_address",
            ..
        })
    ));
}

#[test]
fn addresses_are_host_and_port() {
    let cases = [
        ("10.0.0.1:7400", true),
        ("node-0.aiex.svc.cluster.local:7400", true),
        ("[::1]:7400", true),
        ("::1:7400", false),
        ("[node]:7400", false),
        ("node", false),
        (":7400", false),
        ("node:0", false),
        ("node:65536", false),
        ("no de:1", false),
        ("http://node:1", false),
    ];
    for (text, want) in cases {
        assert_eq!(is_host_and_port(text), want, "{text}");
    }
}
