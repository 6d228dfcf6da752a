//! Given these changes, the undo is …

use super::*;
use aiex_session::{Content, Event, FileChange, Task, TurnEnd};

fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
    let inline = |text: Option<&str>| text.map(|text| Content::Inline(text.to_owned()));
    FileChange {
        path: path.to_owned(),
        before: inline(before),
        after: inline(after),
    }
}

/// One turn per list of changes, each made by one call.
fn session(turns: Vec<Vec<FileChange>>) -> Vec<Recorded> {
    let mut events = Vec::new();
    for (turn, changes) in (1..).zip(turns) {
        let call_id = format!("call-{turn}");
        events.push(Event::TurnStarted {
            turn,
            request_id: format!("r{turn}"),
            task: Task::Ask {
                text: "edit".to_owned(),
            },
            model: "m".to_owned(),
            workspace_id: String::new(),
        });
        events.push(Event::ToolCallIntended {
            turn,
            call_id: call_id.clone(),
            tool_use_id: None,
            name: "edit_files".to_owned(),
            arguments: "{}".to_owned(),
        });
        events.push(Event::ToolCallFinished {
            turn,
            call_id,
            status: "ok".to_owned(),
            output: Content::Inline(String::new()),
            accesses: Vec::new(),
            changes,
            verdict: None,
        });
        events.push(Event::TurnFinished {
            turn,
            end: TurnEnd::Completed,
        });
    }
    Recorded::sequence(0, 1, "node", events)
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn files(plan: UndoPlan) -> Value {
    let UndoPlan::Call { name, arguments } = plan else {
        panic!("{plan:?}")
    };
    assert_eq!(name, "edit_files");
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(arguments["verify"], json!(false));
    arguments["files"].clone()
}

#[test]
fn an_edit_a_new_file_and_a_deleted_one_go_back_guarded_by_what_the_turn_left() {
    let events = session(vec![vec![
        change("edited", Some("a"), Some("b")),
        change("made", None, Some("new")),
        change("gone", Some("old"), None),
    ]]);
    let expected = json!([
        { "path": "edited", "content": "a", "expected_hash": hash("b") },
        { "path": "gone", "content": "old" },
        { "path": "made", "delete": true, "expected_hash": hash("new") },
    ]);
    assert_eq!(files(plan(&events, 0)), expected);
}

#[test]
fn a_named_turn_is_undone_and_zero_means_the_last_that_changed_files() {
    let events = session(vec![
        vec![change("a", Some("1"), Some("2"))],
        vec![change("b", Some("3"), Some("4"))],
        vec![],
    ]);
    assert_eq!(files(plan(&events, 1))[0]["path"], "a");
    assert_eq!(files(plan(&events, 0))[0]["path"], "b");
}

#[test]
fn nothing_to_undo_says_so() {
    for (events, wanted) in [
        (session(vec![vec![]]), 0),
        (session(vec![vec![]]), 1),
        (session(vec![]), 9),
    ] {
        let UndoPlan::Impossible { message, hint } = plan(&events, wanted) else {
            panic!("there is nothing to undo")
        };
        assert!(!message.is_empty() && !hint.is_empty());
    }
}
