//! What people read, as it was when it was agreed on.

use super::table::{bytes, duration, pairs, table, time};
use super::transcript::{event_list, transcript};
use super::{diff, preview, verdict};
use crate::session_json::{Content, FileChange, Verdict, VerdictStep};
use crate::theme::Theme;
use aiex_proto::v1::SessionEvent;
use jiff::tz::TimeZone;
use serde_json::json;

const PLAIN: Theme = Theme { enabled: false };
const COLOURED: Theme = Theme { enabled: true };

fn event(seq: u64, payload: serde_json::Value) -> SessionEvent {
    SessionEvent {
        seq,
        at_unix_ms: 1_795_202_408_743,
        actor: "user:ana".into(),
        r#type: payload["type"].as_str().unwrap_or_default().into(),
        schema_version: 1,
        payload_json: payload.to_string(),
    }
}

fn ladder() -> Verdict {
    let step = |name: &str, status: &str, detail: &str| VerdictStep {
        name: name.into(),
        status: status.into(),
        detail: detail.into(),
        duration_ms: 1,
    };
    Verdict {
        steps: vec![
            step("parse", "passed", ""),
            step("format", "skipped", "mix was not found"),
            step(
                "compile",
                "failed",
                "lib/a.ex:3: undefined function b/0\nerror",
            ),
        ],
    }
}

fn session() -> Vec<SessionEvent> {
    vec![
        event(
            1,
            json!({"type": "session_created", "title": "t", "project": "shop", "owner": "ana"}),
        ),
        event(
            2,
            json!({"type": "turn_started", "turn": 1, "request_id": "r", "model": "offline", "workspace_id": "",
            "task": {"task": "rename_function", "target": "A.one/0", "new_name": "two", "dry_run": false}}),
        ),
        event(
            3,
            json!({"type": "tool_call_intended", "turn": 1, "call_id": "c", "name": "edit_file", "arguments": "{}"}),
        ),
        event(
            4,
            json!({"type": "tool_call_finished", "turn": 1, "call_id": "c", "status": "ok", "output": {"inline": ""},
            "accesses": [], "changes": [{"path": "lib/a.ex", "before": {"inline": "def one, do: 1\n"}, "after": {"inline": "def two, do: 1\n"}}],
            "verdict": serde_json::to_value(ladder()).expect("json")}),
        ),
        event(
            5,
            json!({"type": "model_replied", "turn": 1, "call_id": "m", "provider": "p", "stop": "end_turn",
            "content": [{"type": "text", "text": "Renamed.\u{1b}[2J"}], "usage": {"input_tokens": 1, "output_tokens": 1}}),
        ),
        event(
            6,
            json!({"type": "turn_finished", "turn": 1, "end": {"end": "limit_reached", "limit": "tool_calls"}}),
        ),
        event(7, json!({"type": "moon_rose"})),
    ]
}

#[test]
fn a_transcript() {
    insta::assert_snapshot!("transcript", transcript(&session(), PLAIN));
    assert_eq!(transcript(&[], PLAIN), "nothing was said yet");
}

#[test]
fn a_list_of_events() {
    insta::assert_snapshot!("events", event_list(&session(), &TimeZone::UTC, PLAIN));
}

#[test]
fn a_ladder_in_colour() {
    insta::assert_snapshot!(
        "ladder",
        verdict::ladder(&ladder(), COLOURED).replace('\u{1b}', "ESC")
    );
}

#[test]
fn a_diff_in_colour_and_its_counts() {
    let inline = |text: &str| Some(Content::Inline(text.into()));
    let change = FileChange {
        path: "lib/a.ex".into(),
        before: inline("a\nb\nc\n"),
        after: inline("a\nB\nc\nd\n"),
    };
    let shown = diff::file_diff(&change, COLOURED).expect("a diff");
    insta::assert_snapshot!("diff", shown.replace('\u{1b}', "ESC"));
    let created = FileChange {
        path: "b.ex".into(),
        before: None,
        after: inline("x\n"),
    };
    assert_eq!(diff::summary(&[change, created]), (3, 1));
    let apart = FileChange {
        path: "big.ex".into(),
        before: None,
        after: Some(Content::Blob {
            hash: "ab".into(),
            size_bytes: 9_000,
        }),
    };
    assert!(diff::file_diff(&apart, PLAIN).is_some_and(|text| text.contains("big.ex changed")));
}

#[test]
fn a_preview_shows_what_would_change() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().canonicalize().expect("a real path");
    std::fs::write(root.join("a.ex"), "one\n").expect("a file");
    let see = |tool: &str, arguments: serde_json::Value| {
        preview::preview(tool, &arguments.to_string(), &root, PLAIN)
    };
    assert_eq!(
        see(
            "edit_file",
            json!({"path": "a.ex", "edits": [{"old": "one", "new": "two"}]})
        )
        .matches("two")
        .count(),
        1
    );
    let replaced = see("write_file", json!({"path": "a.ex", "content": "two\n"}));
    assert!(
        replaced.contains("-one") && replaced.contains("+two"),
        "{replaced}"
    );
    assert!(see("write_file", json!({"path": "new.ex", "content": "x\n"})).contains("new file"));
    let outside = see(
        "write_file",
        json!({"path": "../../etc/hostname", "content": "x\n"}),
    );
    assert!(
        outside.contains("new file"),
        "a path that leaves is not read: {outside}"
    );
    assert!(
        see(
            "edit_files",
            json!({"files": [{"path": "a.ex", "delete": true}]})
        )
        .contains("would be deleted")
    );
    assert_eq!(
        see("run_command", json!({"argv": ["mix", "test"]})),
        "  mix test"
    );
    assert!(see("later_tool", json!({"what": 1})).contains("later_tool"));
    assert!(preview::preview("edit_file", "not json", &root, PLAIN).contains("not json"));
}

#[test]
fn tables_align_and_clean_their_cells() {
    let rows = [
        ["a\u{7}".to_owned(), "b\nc".to_owned()],
        ["long cell".to_owned(), String::new()],
    ];
    insta::assert_snapshot!("table", table(["ONE", "TWO"], &rows, "none", PLAIN));
    assert_eq!(table(["ONE"], &[], "none", PLAIN), "none");
    assert_eq!(
        pairs(&[("a", "1".into()), ("bcd", "2".into())], PLAIN),
        "a    1\nbcd  2"
    );
}

#[test]
fn figures_are_said_as_people_say_them() {
    assert_eq!(
        [
            duration(900),
            duration(61_000),
            duration(3_700_000),
            duration(90_000_000)
        ],
        ["0 s", "1 min", "1 h 1 min", "1 d 1 h"]
    );
    assert_eq!(
        [bytes(12), bytes(1536), bytes(5 << 20)],
        ["12 B", "1.5 KiB", "5.0 MiB"]
    );
    assert_eq!(time(0, &TimeZone::UTC), "");
    assert_eq!(time(1_795_202_408_743, &TimeZone::UTC), "2026-11-20 19:20");
}
