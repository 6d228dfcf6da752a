//! The ledger across restarts, torn tails, damage, rotation and two executors at once.

use super::*;
use crate::ToolStatus;

fn outcome(text: &str) -> ToolOutcome {
    ToolOutcome {
        status: ToolStatus::Ok,
        output: text.into(),
        accesses: vec![],
        changes: vec![],
        verdict: None,
    }
}

fn key(id: &str) -> CallKey {
    CallKey::new(id, "read_file", "{}")
}

fn answered(known: Known) -> String {
    match known {
        Known::Answered(outcome) => outcome.output,
        other => panic!("{other:?}"),
    }
}

#[test]
fn answers_survive_a_restart_and_other_arguments_are_noticed() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path()).unwrap();
    assert_eq!(ledger.look_up(&key("1")).unwrap(), Known::Nothing);
    let intent = Intent::Command { repeatable: true };
    ledger.intend(&key("1"), &intent).unwrap();
    assert_eq!(ledger.look_up(&key("1")).unwrap(), Known::Intended(intent));
    ledger.answer(&key("1"), &outcome("one\ntwo é")).unwrap();
    drop(ledger);
    let ledger = Ledger::open(state.path()).unwrap();
    assert_eq!(answered(ledger.look_up(&key("1")).unwrap()), "one\ntwo é");
    assert_eq!(
        ledger
            .look_up(&CallKey::new("1", "read_file", "{ }"))
            .unwrap(),
        Known::OtherArguments
    );
}

#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path()).unwrap();
    ledger.answer(&key("1"), &outcome("kept")).unwrap();
    let whole = std::fs::read(state.path().join("ledger.current")).unwrap();
    ledger.answer(&key("2"), &outcome("torn")).unwrap();
    let both = std::fs::read(state.path().join("ledger.current")).unwrap();
    drop(ledger);
    for length in whole.len()..both.len() {
        std::fs::write(state.path().join("ledger.current"), &both[..length]).unwrap();
        let ledger = Ledger::open(state.path()).unwrap();
        assert_eq!(answered(ledger.look_up(&key("1")).unwrap()), "kept");
        assert_eq!(
            ledger.look_up(&key("2")).unwrap(),
            Known::Nothing,
            "at {length}"
        );
        ledger.answer(&key("3"), &outcome("after")).unwrap();
        drop(ledger);
        assert_eq!(
            answered(
                Ledger::open(state.path())
                    .unwrap()
                    .look_up(&key("3"))
                    .unwrap()
            ),
            "after"
        );
    }
}

#[test]
fn damage_before_the_tail_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path()).unwrap();
    ledger.answer(&key("1"), &outcome("one")).unwrap();
    ledger.answer(&key("2"), &outcome("two")).unwrap();
    drop(ledger);
    let file = state.path().join("ledger.current");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[30] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(matches!(
        Ledger::open(state.path()),
        Err(Error::LedgerDamaged { offset: 0, .. })
    ));
}

#[test]
fn two_executors_see_each_other() {
    let state = tempfile::tempdir().unwrap();
    let one = Ledger::with_segment_size(state.path(), 2_000).unwrap();
    let two = Ledger::with_segment_size(state.path(), 2_000).unwrap();
    for round in 0..40 {
        let (writer, reader) = if round % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let id = round.to_string();
        writer.answer(&key(&id), &outcome(&id)).unwrap();
        assert_eq!(answered(reader.look_up(&key(&id)).unwrap()), id);
    }
}

#[test]
fn rotation_forgets_texts_but_not_ids() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::with_segment_size(state.path(), 2_000).unwrap();
    for id in 0..60 {
        ledger
            .answer(&key(&id.to_string()), &outcome(&"x".repeat(100)))
            .unwrap();
    }
    drop(ledger);
    let ledger = Ledger::with_segment_size(state.path(), 2_000).unwrap();
    assert_eq!(ledger.look_up(&key("0")).unwrap(), Known::Forgotten);
    assert_eq!(answered(ledger.look_up(&key("59")).unwrap()).len(), 100);
    assert!(
        state
            .path()
            .join("ledger.current")
            .metadata()
            .unwrap()
            .len()
            < 12_000
    );
}
