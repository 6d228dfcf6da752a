//! The upcasting chain, and what is refused with which error.

use super::{EVENT_TYPES, Upcaster, decode, decode_value, encode};
use crate::error::Error;
use crate::event::Event;
use serde_json::{Value, json};

fn retitled(title: &str) -> Event {
    Event::SessionRetitled {
        title: title.to_owned(),
    }
}

/// Steps as a later build will have them: each leaves a mark, so that order and count are visible.
const STEPS: &[Upcaster] = &[
    ("session_retitled", 2, |value| mark(value, "2")),
    (
        "turn_finished",
        1,
        |_| Err("another type's step".to_owned()),
    ),
    ("session_retitled", 1, |value| mark(value, "1")),
];

fn mark(mut value: Value, step: &str) -> Result<Value, String> {
    let title = value["title"].as_str().ok_or("no title")?;
    value["title"] = json!(format!("{title}{step}"));
    Ok(value)
}

#[test]
fn steps_run_in_order_from_the_stored_version() {
    let stored = || json!({"type": "session_retitled", "title": "v"});
    let decode = |from| decode_value("session_retitled", from, 3, stored(), STEPS);
    assert_eq!(decode(1), Ok(retitled("v12")));
    assert_eq!(decode(2), Ok(retitled("v2")));
    assert_eq!(decode(3), Ok(retitled("v")));
    let missing = Error::NoUpcaster {
        event_type: "session_retitled".to_owned(),
        from: 0,
    };
    assert_eq!(decode(0), Err(missing));
    let newer = Error::NewerSchema {
        event_type: "session_retitled".to_owned(),
        found: 4,
        known: 3,
    };
    assert_eq!(decode(4), Err(newer));
}

#[test]
fn a_step_that_fails_names_the_type() {
    let stored = json!({"type": "session_retitled"});
    let failed = decode_value("session_retitled", 1, 3, stored, STEPS);
    let malformed = Error::Malformed {
        event_type: "session_retitled".to_owned(),
        reason: "no title".to_owned(),
    };
    assert_eq!(failed, Err(malformed));
}

#[test]
fn what_is_unknown_is_refused_and_new_fields_are_not() {
    let unknown = decode("session_painted", 1, b"{}");
    assert_eq!(
        unknown,
        Err(Error::UnknownEventType("session_painted".to_owned()))
    );
    let newer = decode("session_retitled", 2, b"{}");
    assert!(matches!(
        newer,
        Err(Error::NewerSchema {
            found: 2,
            known: 1,
            ..
        })
    ));
    let with_more = br#"{"type":"session_retitled","title":"t","colour":"red"}"#;
    assert_eq!(decode("session_retitled", 1, with_more), Ok(retitled("t")));
    for damaged in [
        &b"{"[..],
        b"[]",
        b"{\"type\":\"session_retitled\"}",
        b"\xff",
    ] {
        let found = decode("session_retitled", 1, damaged);
        assert!(matches!(found, Err(Error::Malformed { .. })), "{found:?}");
    }
    let other = encode(&Event::SessionArchived).unwrap();
    assert!(matches!(
        decode("session_retitled", 1, &other),
        Err(Error::Malformed { .. })
    ));
}

#[test]
fn every_type_of_this_build_can_be_read_from_its_first_version() {
    for (event_type, known) in EVENT_TYPES {
        for from in 1..known {
            let step = super::UPCASTERS
                .iter()
                .find(|(t, v, _)| *t == event_type && *v == from);
            assert!(step.is_some(), "no step for {event_type} from {from}");
        }
    }
}
