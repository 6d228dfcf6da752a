//! The example in `docs/session-export.md` is a real export.

use crate::samples::{ask, created, started};
use aiex_session::{Event, Recorded, SessionId, TurnEnd, export, import};

const DOCUMENT: &str = include_str!("../../../../docs/session-export.md");

fn example() -> Vec<u8> {
    let finished = Event::TurnFinished {
        turn: 1,
        end: TurnEnd::Completed,
    };
    let asked = started(1, "p1", ask("why does it block?"));
    let mut events = Recorded::sequence(0, 1_792_000_000_000, "user:ana", vec![created(), asked]);
    events.extend(Recorded::sequence(
        2,
        1_792_000_001_500,
        "node",
        vec![finished],
    ));
    export(
        SessionId::from_bytes(*b"\x01\x99\x7c\x5e\x7d\x0ap\0\x80\0_\x1c</o\x10"),
        &events,
    )
    .unwrap()
}

#[test]
fn the_documented_example_is_what_is_written_and_can_be_read() {
    let lines: Vec<&str> = DOCUMENT
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    let shown = format!("{}\n", lines.join("\n"));
    assert_eq!(shown, String::from_utf8(example()).unwrap());
    assert_eq!(import(shown.as_bytes()).unwrap().events.len(), 3);
}
