//! The contract of [`StateStore`], run against RocksDB and against the simulated disk.

use std::{collections::BTreeMap, sync::Arc};

use aiex_storage::{GroupId, Pair, Replica, StateChange, StateStore, state::SimState};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::log_contract::open_data;

const G: GroupId = GroupId(2);

fn check(test: impl Fn(&dyn StateStore)) {
    test(&SimState::default());
    let dir = tempfile::tempdir().unwrap();
    test(&*open_data(dir.path()).unwrap().state);
}

fn put(key: &[u8], value: &[u8]) -> StateChange {
    StateChange::Put(key.to_vec(), value.to_vec())
}

fn pair(key: &[u8], value: &[u8]) -> Pair {
    (key.to_vec(), value.to_vec())
}

#[test]
fn a_new_replica_is_empty_and_knows_no_mark() {
    check(|store| {
        let replica = store.replica(G, 0).unwrap();
        assert_eq!(replica.mark().unwrap(), None);
        assert_eq!(replica.get(b"a").unwrap(), None);
        assert!(replica.scan(b"", b"", 9).unwrap().is_empty());
    });
}

#[test]
fn changes_and_mark_are_one_batch() {
    check(|store| {
        let replica = store.replica(G, 0).unwrap();
        replica
            .write(&[put(b"a", b"1"), put(b"b", b"2")], b"m1")
            .unwrap();
        replica
            .write(
                &[StateChange::Delete(b"a".to_vec()), put(b"b", b"3")],
                b"m2",
            )
            .unwrap();
        assert_eq!(replica.get(b"a").unwrap(), None);
        assert_eq!(replica.get(b"b").unwrap(), Some(b"3".to_vec()));
        assert_eq!(replica.mark().unwrap(), Some(b"m2".to_vec()));
        let again = store.replica(G, 0).unwrap();
        assert_eq!(
            again.mark().unwrap(),
            Some(b"m2".to_vec()),
            "opened twice is the same replica"
        );
    });
}

#[test]
fn the_mark_is_no_key_of_the_machine() {
    check(|store| {
        let replica = store.replica(G, 0).unwrap();
        replica
            .write(
                &[
                    put(b"", b"empty"),
                    put(b"\0", b"zero"),
                    put(b"\xff\xff", b"last"),
                ],
                b"m",
            )
            .unwrap();
        let found = replica.scan(b"", b"", 9).unwrap();
        assert_eq!(
            found,
            [
                pair(b"", b"empty"),
                pair(b"\0", b"zero"),
                pair(b"\xff\xff", b"last")
            ]
        );
        assert_eq!(
            replica.scan(b"\xff", b"", 9).unwrap(),
            [pair(b"\xff\xff", b"last")]
        );
        assert_eq!(replica.mark().unwrap(), Some(b"m".to_vec()));
    });
}

#[test]
fn a_view_does_not_move() {
    check(|store| {
        let replica = store.replica(G, 0).unwrap();
        replica.write(&[put(b"a", b"1")], b"m1").unwrap();
        let view = replica.view();
        replica
            .write(&[put(b"a", b"2"), put(b"b", b"2")], b"m2")
            .unwrap();
        assert_eq!(view.get(b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(view.scan(b"", b"", 9).unwrap(), [pair(b"a", b"1")]);
        assert_eq!(replica.get(b"a").unwrap(), Some(b"2".to_vec()));
    });
}

#[test]
fn replicas_are_apart_and_can_be_removed() {
    check(|store| {
        let (one, other, next) = (
            store.replica(G, 0).unwrap(),
            store.replica(GroupId(9), 0).unwrap(),
            store.replica(G, 1).unwrap(),
        );
        one.write(&[put(b"a", b"1")], b"m").unwrap();
        assert_eq!(
            (other.get(b"a").unwrap(), next.get(b"a").unwrap()),
            (None, None)
        );
        store.remove(G, 0).unwrap();
        assert!(one.get(b"a").is_err(), "a removed replica answers by name");
        store.remove(G, 0).unwrap();
        assert_eq!(
            store.replica(G, 0).unwrap().get(b"a").unwrap(),
            None,
            "its data came back"
        );
    });
}

#[test]
fn what_was_flushed_survives_and_what_was_not_is_a_whole_prefix() {
    let sim = SimState::default();
    let replica = sim.replica(G, 0).unwrap();
    write_and_flush(&replica);
    sim.crash();
    assert_eq!(replica.mark().unwrap(), Some(b"m1".to_vec()));
    assert_eq!(replica.get(b"b").unwrap(), None);

    // A copy of the files of a running database is what a crash leaves.
    let dir = tempfile::tempdir().unwrap();
    let data = open_data(&dir.path().join("a")).unwrap();
    write_and_flush(&data.state.replica(G, 0).unwrap());
    crate::crash_image::copy(&dir.path().join("a"), &dir.path().join("b"));
    let replica = open_data(&dir.path().join("b"))
        .unwrap()
        .state
        .replica(G, 0)
        .unwrap();
    assert_eq!(replica.mark().unwrap(), Some(b"m1".to_vec()));
    assert_eq!(replica.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(replica.get(b"b").unwrap(), None);
}

fn write_and_flush(replica: &Arc<dyn Replica>) {
    replica.write(&[put(b"a", b"1")], b"m1").unwrap();
    replica.flush().unwrap();
    replica
        .write(&[put(b"a", b"2"), put(b"b", b"2")], b"m2")
        .unwrap();
}

#[test]
fn any_sequence_equals_a_plain_map() {
    let seed = rand::random();
    println!("seed {seed}");
    check(|store| {
        let mut rng = StdRng::seed_from_u64(seed);
        let replica = store.replica(G, 0).unwrap();
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let key = |rng: &mut StdRng| -> Vec<u8> {
            (0..rng.random_range(0..4))
                .map(|_| [0, 1, 0xfe, 0xff][rng.random_range(0..4)])
                .collect()
        };
        for step in 0..400u32 {
            let mut changes = Vec::new();
            for _ in 0..rng.random_range(0..5) {
                let key = key(&mut rng);
                if rng.random_ratio(2, 3) {
                    let value = step.to_le_bytes().to_vec();
                    model.insert(key.clone(), value.clone());
                    changes.push(StateChange::Put(key, value));
                } else {
                    model.remove(&key);
                    changes.push(StateChange::Delete(key));
                }
            }
            replica.write(&changes, &step.to_le_bytes()).unwrap();
            if rng.random_ratio(1, 50) {
                replica.flush().unwrap();
            }
            let (prefix, from, limit) = (key(&mut rng), key(&mut rng), rng.random_range(0..6));
            let want: Vec<_> = model
                .iter()
                .filter(|(k, _)| k.starts_with(&prefix) && **k >= from)
                .take(limit)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            assert_eq!(
                replica.scan(&prefix, &from, limit).unwrap(),
                want,
                "prefix {prefix:?} from {from:?}"
            );
        }
    });
}
