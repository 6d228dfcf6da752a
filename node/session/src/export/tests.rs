//! Damage of every kind is found and named by its line.

use super::{SessionDocument, check_of, export, import};
use crate::{Content, Error, Event, Recorded, Recorder, SessionId, Task, TurnEnd};

fn session() -> SessionId {
    SessionId::from_bytes([3; 16])
}

fn events() -> Vec<Recorded> {
    let created = Event::SessionCreated {
        title: "a title".to_owned(),
        project: "shop".to_owned(),
        owner: "ana".to_owned(),
        forked_from: None,
    };
    let started = Event::TurnStarted {
        turn: 1,
        request_id: "r".to_owned(),
        task: Task::Ask {
            text: "line\nbreak \u{2028} and \"check\":\"0123456789abcdef\"}".to_owned(),
        },
        model: "m".to_owned(),
        workspace_id: String::new(),
    };
    let retitled = Event::SessionRetitled {
        title: "b".to_owned(),
    };
    Recorded::sequence(0, 1_000, "user:ana", vec![created, started, retitled])
}

/// Imports a document after a change of its text, and tells the error's line and message.
fn refused(change: impl Fn(&str) -> String) -> (usize, String) {
    let document = export(session(), &events()).unwrap();
    let changed = change(std::str::from_utf8(&document).unwrap());
    let error = import(changed.as_bytes()).unwrap_err();
    assert!(!error.hint.is_empty());
    (error.line, error.message)
}

/// Writes a line with a right check, as a program of another version would.
fn checked(payload: &str) -> String {
    format!(
        "{payload},\"check\":\"{}\"}}\n",
        check_of(payload.as_bytes())
    )
}

#[test]
fn it_reads_back_what_it_wrote() {
    let document = export(session(), &events()).unwrap();
    assert_eq!(document.iter().filter(|byte| **byte == b'\n').count(), 4);
    let wanted = SessionDocument {
        session: session(),
        events: events(),
    };
    assert_eq!(import(&document), Ok(wanted.clone()));
    let carriage_returns = String::from_utf8(document).unwrap().replace('\n', "\r\n");
    assert_eq!(import(carriage_returns.as_bytes()), Ok(wanted));
}

#[test]
fn files_of_others_are_refused_at_the_first_line() {
    let (line, message) = refused(|_| String::new());
    assert_eq!((line, message.as_str()), (1, "the file is empty"));
    let (line, message) = refused(|_| "defmodule A do\nend\n".to_owned());
    assert!(
        line == 1 && message.starts_with("not the header"),
        "{message}"
    );
    let (line, message) = refused(|_| "{\"format\":\"other\"}\n".to_owned());
    assert_eq!(
        (line, message.as_str()),
        (1, "the format is not \"aiex-session\"")
    );
    let (line, message) = refused(|text| text.replacen("\"version\":1", "\"version\":2", 1));
    assert_eq!(
        (line, message.as_str()),
        (1, "format version 2, this program reads 1")
    );
    let (line, _) = refused(|text| text.replacen("\"events\":3", "\"events\":2", 1));
    assert_eq!(line, 1);
}

#[test]
fn a_changed_line_is_named() {
    let (line, message) = refused(|text| text.replacen("shop", "shoq", 1));
    assert_eq!(
        (line, message.as_str()),
        (2, "the line does not match its check")
    );
    let (line, _) = refused(|text| text.replacen("line\\n", "line ", 1));
    assert_eq!(line, 3);
    let (line, _) =
        refused(|text| text.replacen("{\"schema_version\":1,\"seq\":3", "{\"seq\":3", 1));
    assert_eq!(line, 4);
    let (line, _) = refused(|text| format!("{text}\n"));
    assert_eq!(line, 5);
}

#[test]
fn missing_doubled_and_swapped_lines_are_found() {
    let lines = |text: &str| text.lines().map(|l| format!("{l}\n")).collect::<Vec<_>>();
    let (line, message) = refused(|text| lines(text)[..3].concat());
    assert_eq!(
        (line, message.as_str()),
        (3, "the file ends after 2 of 3 events")
    );
    let (line, message) = refused(|text| {
        let mut all = lines(text);
        all.remove(2);
        all.concat()
    });
    assert_eq!((line, message.as_str()), (3, "event 3 where 2 belongs"));
    let (line, _) = refused(|text| {
        let mut all = lines(text);
        all.swap(2, 3);
        all.concat()
    });
    assert_eq!(line, 3);
    let (line, _) = refused(|text| text[..text.len() - 10].to_owned());
    assert_eq!(line, 4);
}

#[test]
fn events_of_the_future_are_named_by_type_or_version() {
    let with_second = |payload: &str| {
        let payload = checked(payload);
        refused(move |text| {
            let mut all: Vec<String> = text.lines().map(|l| format!("{l}\n")).collect();
            all[2].clone_from(&payload);
            all.concat()
        })
    };
    let unknown =
        r#"{"schema_version":1,"seq":2,"at_unix_ms":0,"actor":"node","type":"session_painted""#;
    assert_eq!(
        with_second(unknown),
        (3, "unknown event type \"session_painted\"".to_owned())
    );
    let newer =
        r#"{"schema_version":7,"seq":2,"at_unix_ms":0,"actor":"node","type":"session_archived""#;
    let (line, message) = with_second(newer);
    assert!(
        line == 3 && message.contains("schema version 7"),
        "{message}"
    );
    let second_header = r#"{"schema_version":1,"seq":2,"at_unix_ms":0,"actor":"node","type":"session_created","title":"","project":"","owner":"""#;
    let (line, message) = with_second(second_header);
    assert!(line == 3 && message.contains("only once"), "{message}");
}

#[test]
fn a_session_with_missing_contents_is_not_exported() {
    let mut events = events();
    let output = Content::Blob {
        hash: "ab".to_owned(),
        size_bytes: 9,
    };
    events[2].event = Event::ToolCallFinished {
        turn: 1,
        call_id: "c".to_owned(),
        status: "ok".to_owned(),
        output,
        accesses: Vec::new(),
        changes: Vec::new(),
        verdict: None,
    };
    let found = export(session(), &events);
    assert!(matches!(found, Err(Error::ContentMissing { path }) if path.contains("event 3")));
}

#[test]
fn a_running_turn_is_cancelled_when_it_settles_elsewhere() {
    let by = Recorder {
        owner: "bo".to_owned(),
        actor: "user:bo".to_owned(),
        at_unix_ms: 2_000,
    };
    let document = SessionDocument {
        session: session(),
        events: events(),
    };
    let settled = document.settled(&by);
    assert_eq!(settled.len(), 4);
    assert!(matches!(
        settled[3].event,
        Event::TurnFinished {
            turn: 1,
            end: TurnEnd::Cancelled { .. }
        }
    ));
    let state = crate::State::replay(&settled);
    assert_eq!((state.status, state.head), (crate::Status::Idle, 4));
}
