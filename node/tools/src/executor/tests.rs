//! Calls against a real directory: the answers, the records, and once-only effects. No Elixir here.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use super::*;
use crate::{ToolStatus, content_hash, policy::OutsideDirectory};

struct Kit {
    project: tempfile::TempDir,
    state: tempfile::TempDir,
    executor: Executor,
    next: std::cell::Cell<u32>,
}

fn config(project: &Path, state: &Path) -> Config {
    Config {
        project_root: project.to_owned(),
        state_dir: state.join("tools"),
        policy: Policy::default(),
        syntax: None,
        search_path: String::new(),
        mix_home: None,
    }
}

fn kit() -> Kit {
    let (project, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let executor = Executor::new(config(project.path(), state.path())).unwrap();
    Kit {
        project,
        state,
        executor,
        next: std::cell::Cell::new(0),
    }
}

impl Kit {
    fn put(&self, path: &str, text: &str) {
        let path = self.project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.project.path().join(path)).unwrap()
    }

    fn call(&self, id: &str, name: &str, arguments: &Value) -> ToolOutcome {
        self.executor.run(&ToolCall {
            call_id: id.into(),
            name: name.into(),
            arguments: arguments.to_string(),
        })
    }

    /// Runs under a fresh id, without verification.
    fn run(&self, name: &str, mut arguments: Value) -> ToolOutcome {
        self.next.set(self.next.get() + 1);
        if name.contains("write") || name.contains("edit") {
            arguments["verify"] = json!(false);
        }
        self.call(&format!("auto-{}", self.next.get()), name, &arguments)
    }

    fn again(&self) -> Executor {
        Executor::new(config(self.project.path(), self.state.path())).unwrap()
    }
}

#[test]
fn read_shows_a_header_and_the_very_bytes() {
    let kit = kit();
    kit.put("lib/a.ex", "one\n\ttwo \\\\\r\nthree");
    let outcome = kit.run("read_file", json!({"path": "lib/a.ex"}));
    let hash = content_hash("one\n\ttwo \\\\\r\nthree");
    assert_eq!(
        outcome.output,
        format!("lib/a.ex lines 1-3 of 3 hash {hash}\none\n\ttwo \\\\\r\nthree")
    );
    assert_eq!(
        (
            outcome.accesses[0].operation.as_str(),
            outcome.accesses[0].decision.as_str()
        ),
        ("read", "allowed")
    );
    let part = kit.run(
        "read_file",
        json!({"path": "lib/a.ex", "start_line": 2, "end_line": 2}),
    );
    assert!(part.output.ends_with("\n\ttwo \\\\\r\n"), "{}", part.output);
    let beyond = kit.run("read_file", json!({"path": "lib/a.ex", "start_line": 9}));
    assert!(
        beyond.output.contains("the file has 3"),
        "{}",
        beyond.output
    );
}

#[test]
fn a_long_file_is_shown_in_parts_that_join() {
    let kit = kit();
    let text: String = (1..=5_000)
        .map(|n| format!("line {n} {}\n", "x".repeat(20)))
        .collect();
    kit.put("long.txt", &text);
    let (mut start, mut joined) = (1, String::new());
    loop {
        let outcome = kit.run(
            "read_file",
            json!({"path": "long.txt", "start_line": start}),
        );
        assert!(outcome.output.len() <= crate::OUTPUT_BYTES_MAX);
        let (_, body) = outcome.output.split_once('\n').unwrap();
        match body.rsplit_once("[cut; continue with start_line ") {
            Some((part, next)) => {
                joined.push_str(part);
                start = next.trim_end_matches(']').parse().unwrap();
            }
            None => {
                joined.push_str(body);
                break;
            }
        }
    }
    assert_eq!(joined, text);
}

#[test]
fn every_bad_path_has_its_message_and_is_denied_or_failed() {
    let kit = kit();
    symlink("/etc", kit.project.path().join("link")).unwrap();
    fs::write(kit.project.path().join("binary"), b"a\0b").unwrap();
    fs::write(kit.project.path().join("latin"), b"caf\xe9").unwrap();
    fs::File::create(kit.project.path().join("huge"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    for (path, status, message) in [
        ("../../etc/passwd", ToolStatus::Denied, "it contains `..`"),
        ("/etc/passwd", ToolStatus::Denied, "it is absolute"),
        ("link/passwd", ToolStatus::Denied, "passes a symbolic link"),
        ("a\0b", ToolStatus::Denied, "NUL byte"),
        (
            "huge",
            ToolStatus::Failed,
            "104857600 bytes, more than the limit of 4194304",
        ),
        (
            "latin",
            ToolStatus::Failed,
            "not valid UTF-8 (first bad byte at offset 3)",
        ),
        (
            "binary",
            ToolStatus::Failed,
            "binary file (NUL byte at offset 1)",
        ),
        ("missing.ex", ToolStatus::Failed, "does not exist"),
        (".", ToolStatus::Failed, "a directory, not a regular file"),
    ] {
        for (tool, mut arguments) in [
            ("read_file", json!({})),
            ("edit_file", json!({"edits": [{"old": "a", "new": "b"}]})),
        ] {
            arguments["path"] = json!(path);
            let outcome = kit.run(tool, arguments);
            assert_eq!(
                outcome.status, status,
                "{tool} {path:?}: {}",
                outcome.output
            );
            assert!(
                outcome.output.contains(message),
                "{tool} {path:?}: {}",
                outcome.output
            );
            assert!(outcome.output.contains("\nhint: "), "{}", outcome.output);
            let decision = if status == ToolStatus::Denied {
                "denied"
            } else {
                "allowed"
            };
            assert_eq!(outcome.accesses.last().unwrap().decision, decision);
        }
    }
    let outcome = kit.run(
        "write_file",
        json!({"path": ".git/hooks/post-commit", "content": "x"}),
    );
    assert_eq!(
        (outcome.status, outcome.accesses[0].operation.as_str()),
        (ToolStatus::Denied, "write")
    );
}

#[test]
fn arguments_are_read_strictly() {
    let kit = kit();
    for (name, arguments, message) in [
        ("read_file", "{\"path\": 3}", "expected a string"),
        ("read_file", "{\"file\": \"x\"}", "unknown field `file`"),
        ("read_file", "{\"path\": \"a\"", "EOF"),
        ("no_such", "{}", "there is no tool named `no_such`"),
        (
            "edit_file",
            "{\"path\": \"a\"}",
            "either `edits` or `patch`",
        ),
        (
            "search_text",
            "{\"pattern\": \"(\"}",
            "no regular expression",
        ),
        ("list_files", "{\"glob\": \"[\"}", "`glob`"),
        (
            "edit_files",
            "{\"files\": [{\"path\": \"a\", \"delete\": true, \"content\": \"\"}]}",
            "exactly one of",
        ),
        (
            "run_command",
            "{\"argv\": [\"sh\", \"-c\", \"id\"]}",
            "`sh` is not on the list",
        ),
        (
            "run_command",
            "{\"argv\": [\"/usr/bin/mix\"]}",
            "is not on the list",
        ),
        (
            "run_command",
            "{\"argv\": [\"mix\"], \"env\": {\"LD_PRELOAD\": \"x\"}}",
            "`LD_PRELOAD` is not on the list",
        ),
    ] {
        let outcome = kit.executor.run(&ToolCall {
            call_id: format!("{name} {arguments}"),
            name: name.into(),
            arguments: arguments.into(),
        });
        assert_ne!(outcome.status, ToolStatus::Ok);
        assert!(
            outcome.output.contains(message),
            "{name} {arguments}: {}",
            outcome.output
        );
    }
}

#[test]
fn list_and_search_find_sources() {
    let kit = kit();
    kit.put(".gitignore", "ignored/\n");
    kit.put("lib/a.ex", "def run(x), do: x\n");
    kit.put("ignored/b.ex", "def run(x), do: x\n");
    kit.put("README.md", "def run(x)\n");
    assert_eq!(
        kit.run("list_files", json!({"glob": "*.ex"})).output,
        "lib/a.ex"
    );
    assert_eq!(
        kit.run("list_files", json!({"limit": 1})).output,
        ".gitignore\n[2 more; raise `limit` or narrow `glob`]"
    );
    assert_eq!(
        kit.run(
            "search_text",
            json!({"pattern": "run\\(", "glob": "lib/**"})
        )
        .output,
        "lib/a.ex:1:def run(x), do: x"
    );
    assert_eq!(
        kit.run(
            "search_text",
            json!({"pattern": "run(x)", "fixed": true, "limit": 1})
        )
        .output
        .lines()
        .count(),
        2
    );
    assert_eq!(
        kit.run("search_text", json!({"pattern": "nothing"})).output,
        "no matches in 3 files"
    );
}

#[test]
fn an_edit_answers_hash_diff_and_change() {
    let kit = kit();
    kit.put("lib/a.ex", "a\nb\nc\n");
    let outcome = kit.run(
        "edit_file",
        json!({"path": "lib/a.ex", "edits": [{"old": "b", "new": "B"}]}),
    );
    assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
    assert_eq!(kit.text("lib/a.ex"), "a\nB\nc\n");
    assert!(
        outcome
            .output
            .contains(&format!("hash {} lib/a.ex", content_hash("a\nB\nc\n"))),
        "{}",
        outcome.output
    );
    assert!(
        outcome.output.contains("@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"),
        "{}",
        outcome.output
    );
    assert_eq!(outcome.changes[0].before.as_deref(), Some("a\nb\nc\n"));
    assert_eq!(outcome.changes[0].after.as_deref(), Some("a\nB\nc\n"));
    let operations: Vec<_> = outcome
        .accesses
        .iter()
        .map(|access| access.operation.as_str())
        .collect();
    assert_eq!(operations, ["read", "write"]);
}

#[test]
fn a_repeated_id_is_answered_and_not_done_again() {
    let kit = kit();
    kit.put("log", "start\n");
    let arguments = json!({"path": "log", "edits": [{"old": "start\n", "new": "start\nline\n"}], "verify": false});
    let first = kit.call("one", "edit_file", &arguments);
    assert_eq!(kit.call("one", "edit_file", &arguments), first);
    let after_restart = kit.again().run(&ToolCall {
        call_id: "one".into(),
        name: "edit_file".into(),
        arguments: arguments.to_string(),
    });
    assert_eq!(after_restart, first);
    assert_eq!(kit.text("log"), "start\nline\n");
    let other = kit.call("one", "edit_file", &json!({"path": "log", "edits": []}));
    assert!(
        other.output.contains("already used with other arguments"),
        "{}",
        other.output
    );
    assert_eq!(
        kit.call("one", "edit_file", &arguments),
        first,
        "the refusal must not replace the answer"
    );
}

#[test]
fn several_files_change_together_or_not_at_all() {
    let kit = kit();
    kit.put("a", "1\n");
    kit.put("b", "2\n");
    kit.put("c", "3\n");
    let refused = kit.run("edit_files", json!({"files": [
        {"path": "a", "content": "one\n"}, {"path": "b", "edits": [{"old": "absent", "new": "x"}]}]}));
    assert_eq!(refused.status, ToolStatus::Failed);
    assert_eq!(kit.text("a"), "1\n");
    // a directory stands where the second file should go: the first must be put back
    fs::create_dir_all(kit.project.path().join("d/x")).unwrap();
    let refused = kit.run(
        "edit_files",
        json!({"files": [{"path": "a", "content": "one\n"}, {"path": "a/x", "content": "y"}]}),
    );
    assert_eq!(refused.status, ToolStatus::Failed, "{}", refused.output);
    assert_eq!(kit.text("a"), "1\n");
    let done = kit.run("edit_files", json!({"files": [
        {"path": "a", "content": "one\n"}, {"path": "b", "delete": true}, {"path": "new/e", "content": "5\n"}]}));
    assert_eq!(done.status, ToolStatus::Ok, "{}", done.output);
    assert_eq!(
        (kit.text("a").as_str(), kit.text("new/e").as_str()),
        ("one\n", "5\n")
    );
    assert!(!kit.project.path().join("b").exists());
    let patch =
        "*** Begin Patch\n*** Update File: c\n@@\n-3\n+three\n*** Delete File: a\n*** End Patch";
    assert_eq!(
        kit.run("edit_files", json!({"patch": patch})).status,
        ToolStatus::Ok
    );
    assert_eq!(kit.text("c"), "three\n");
    let twice = kit.run(
        "edit_files",
        json!({"files": [{"path": "c", "content": "x"}, {"path": "./c", "content": "y"}]}),
    );
    assert!(twice.output.contains("named twice"), "{}", twice.output);
}

#[test]
fn changes_made_meanwhile_are_merged_or_reported() {
    let kit = kit();
    let base = "def a do\n  1\nend\n\ndef b do\n  2\nend\n\ndef c do\n  3\nend\n";
    kit.put("lib/a.ex", base);
    kit.run("read_file", json!({"path": "lib/a.ex"}));
    // somebody renames what the edit quotes as context
    kit.put("lib/a.ex", &base.replace("def c do\n  3", "def d do\n  4"));
    let edit = json!({"path": "lib/a.ex", "edits": [{"old": "def a do\n  1\nend\n\ndef b do\n  2\nend\n\ndef c do\n", "new": "def a do\n  10\nend\n\ndef b do\n  2\nend\n\ndef c do\n"}]});
    let outcome = kit.run("edit_file", edit);
    assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
    assert!(
        outcome.output.contains("merged from the version last seen"),
        "{}",
        outcome.output
    );
    assert_eq!(
        kit.text("lib/a.ex"),
        base.replace("  1\n", "  10\n")
            .replace("def c do\n  3", "def d do\n  4")
    );

    let hash = content_hash(base);
    let whole = kit.run("write_file", json!({"path": "lib/a.ex", "content": base.replace("  1\n", "  99\n"), "expected_hash": hash}));
    assert_eq!(whole.status, ToolStatus::Failed, "{}", whole.output);
    assert!(
        whole.output.contains("changed since it was read"),
        "{}",
        whole.output
    );
    let merged = kit.run("write_file", json!({"path": "lib/a.ex", "content": base.replace("  2\n", "  20\n"), "expected_hash": hash}));
    assert_eq!(merged.status, ToolStatus::Ok, "{}", merged.output);
    assert!(
        kit.text("lib/a.ex").contains("  10\n")
            && kit.text("lib/a.ex").contains("  20\n")
            && kit.text("lib/a.ex").contains("def d")
    );
    let unknown = kit.run(
        "write_file",
        json!({"path": "lib/a.ex", "content": "x", "expected_hash": content_hash("never seen")}),
    );
    assert_eq!(unknown.status, ToolStatus::Failed);
}

#[test]
fn outside_paths_need_the_allowlist() {
    let (project, state, outside) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    fs::write(outside.path().join("guide.md"), "hello\n").unwrap();
    let mut config = config(project.path(), state.path());
    config.policy.outside.push(OutsideDirectory {
        path: outside.path().to_owned(),
        writable: false,
    });
    let executor = Executor::new(config).unwrap();
    let path = outside.path().canonicalize().unwrap().join("guide.md");
    let run = |name: &str, arguments: Value| {
        executor.run(&ToolCall {
            call_id: format!("{name}{arguments}"),
            name: name.into(),
            arguments: arguments.to_string(),
        })
    };
    assert!(
        run("read_file", json!({"path": path}))
            .output
            .ends_with("\nhello\n")
    );
    let write = run("write_file", json!({"path": path, "content": "x"}));
    assert_eq!(write.status, ToolStatus::Denied);
    assert!(
        write.output.contains("outside the project and read-only"),
        "{}",
        write.output
    );
}

#[test]
fn state_inside_the_project_is_refused() {
    let project = tempfile::tempdir().unwrap();
    assert!(Executor::new(config(project.path(), project.path())).is_err());
}

/// A write whose executor died right after the intent: rolled forward once, from the kept texts.
#[test]
fn an_interrupted_write_is_completed_at_the_next_start() {
    let kit = kit();
    kit.put("a", "1\n");
    kit.put("b", "2\n");
    let arguments = json!({"files": [{"path": "a", "content": "one\n"}, {"path": "b", "content": "two\n"}], "verify": false});
    let call = ToolCall {
        call_id: "cut".into(),
        name: "edit_files".into(),
        arguments: arguments.to_string(),
    };
    let key = CallKey::new(&call.call_id, &call.name, &call.arguments);
    let keep = |text: &str| {
        Some(
            kit.executor
                .contents
                .put(text, crate::contents::Keep::Durably)
                .unwrap(),
        )
    };
    let file = |path: &str, before: &str, after: &str| crate::ledger::IntendedFile {
        path: path.into(),
        before: keep(before),
        after: keep(after),
    };
    let intent = Intent::Write {
        files: vec![file("a", "1\n", "one\n"), file("b", "2\n", "two\n")],
        summary: "changed a\nchanged b\n".into(),
    };
    kit.executor.ledger.intend(&key, &intent).unwrap();
    kit.put("a", "one\n");
    let next = kit.again();
    assert_eq!(kit.text("b"), "two\n", "the second file is rolled forward");
    let outcome = next.run(&call);
    assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
    assert!(
        outcome.output.contains("applied once"),
        "{}",
        outcome.output
    );
    assert_eq!(outcome.changes.len(), 2);
    kit.put("a", "later\n");
    assert_eq!(next.run(&call), outcome);
    assert_eq!(kit.text("a"), "later\n");
}

#[test]
fn an_interrupted_write_stops_at_a_file_someone_else_changed() {
    let kit = kit();
    kit.put("a", "else\n");
    let call = ToolCall {
        call_id: "cut".into(),
        name: "write_file".into(),
        arguments: "{}".into(),
    };
    let key = CallKey::new(&call.call_id, &call.name, &call.arguments);
    let keep = |text: &str| {
        Some(
            kit.executor
                .contents
                .put(text, crate::contents::Keep::Durably)
                .unwrap(),
        )
    };
    let file = crate::ledger::IntendedFile {
        path: "a".into(),
        before: keep("1\n"),
        after: keep("one\n"),
    };
    kit.executor
        .ledger
        .intend(
            &key,
            &Intent::Write {
                files: vec![file],
                summary: String::new(),
            },
        )
        .unwrap();
    let outcome = kit.again().run(&call);
    assert_eq!(outcome.status, ToolStatus::Failed);
    assert!(
        outcome.output.contains("changed by someone else"),
        "{}",
        outcome.output
    );
    assert_eq!(kit.text("a"), "else\n");
}

#[test]
fn an_interrupted_command_is_not_guessed() {
    let kit = kit();
    let call = ToolCall {
        call_id: "cut".into(),
        name: "run_command".into(),
        arguments: "{\"argv\":[\"mix\",\"ecto.migrate\"]}".into(),
    };
    let key = CallKey::new(&call.call_id, &call.name, &call.arguments);
    kit.executor
        .ledger
        .intend(&key, &Intent::Command { repeatable: false })
        .unwrap();
    let outcome = kit.again().run(&call);
    assert_eq!(outcome.status, ToolStatus::Failed);
    assert!(
        outcome.output.contains("its effect is unknown"),
        "{}",
        outcome.output
    );
}

#[test]
fn parallel_calls_of_one_id_have_one_effect() {
    let kit = kit();
    kit.put("log", "x\n");
    let call = ToolCall {
        call_id: "same".into(),
        name: "edit_file".into(),
        arguments:
            json!({"path": "log", "edits": [{"old": "x\n", "new": "x\ny\n"}], "verify": false})
                .to_string(),
    };
    let second = kit.again();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|index| {
                let executor = if index % 2 == 0 {
                    &kit.executor
                } else {
                    &second
                };
                let call = &call;
                scope.spawn(move || executor.run(call))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(kit.text("log"), "x\ny\n");
}
