//! Given these results of the turn, the engine's next move is …

use super::*;
use aiex_context::{Config, ManifestEntry};
use aiex_session::{Message, Role};
use serde_json::json;

const CART: &str = r#"defmodule Shop.Cart do
  @moduledoc "A cart."

  @doc """
  Adds.

      iex> Shop.Cart.add(1, 2)
      3
  """
  @spec add(integer(), integer()) :: integer()
  def add(a, b), do: a + b

  def twice(n), do: add(n, n)
end
"#;

/// An engine over one project, and the transcript of a turn that grows call by call.
struct Turn {
    engine: AnalysisEngine,
    request: ModelRequest,
    _dir: tempfile::TempDir,
}

impl Turn {
    fn of(task: Task) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = WorkspaceStore::open(Config {
            dir: dir.path().to_owned(),
            ..Config::default()
        })
        .unwrap();
        let files = [
            ("lib/shop/cart.ex", CART),
            ("mix.exs", "defmodule Shop.MixProject do\nend\n"),
        ];
        let manifest: Vec<ManifestEntry> = files
            .iter()
            .map(|(path, text)| ManifestEntry {
                path: (*path).to_owned(),
                hash: *blake3::hash(text.as_bytes()).as_bytes(),
                size_bytes: text.len() as u64,
            })
            .collect();
        for (entry, (_, text)) in manifest.iter().zip(files) {
            store.put(&entry.hash, text.as_bytes()).unwrap();
        }
        let synced = store.sync("shop", &manifest).unwrap();
        let request = ModelRequest {
            model: OFFLINE.to_owned(),
            system: String::new(),
            messages: vec![Message {
                role: Role::User,
                content: vec![ContentBlock::Text {
                    text: task.instruction(),
                }],
            }],
            tools: Vec::new(),
            output_tokens_max: 1,
            temperature: None,
            call_id: "c".to_owned(),
            task,
            workspace_id: synced.workspace_id,
        };
        Self {
            engine: AnalysisEngine::new(Arc::new(store)),
            request,
            _dir: dir,
        }
    }

    fn reply(&self) -> Reply {
        let reply = self.engine.reply(&self.request).unwrap();
        let again = self.engine.reply(&self.request).unwrap();
        assert_eq!(reply, again, "the engine is not a function of the request");
        reply
    }

    /// The one call of the next reply.
    fn call(&self) -> (String, Value) {
        let calls: Vec<(String, Value)> = self
            .reply()
            .content
            .into_iter()
            .filter_map(|block| match block {
                ContentBlock::ToolUse {
                    name, arguments, ..
                } => Some((name, serde_json::from_str(&arguments).unwrap())),
                _ => None,
            })
            .collect();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.into_iter().next().unwrap()
    }

    /// The text of a reply that asks for nothing.
    fn answer(&self) -> String {
        let reply = self.reply();
        assert_eq!(reply.stop, StopReason::EndTurn, "{:?}", reply.content);
        let texts = reply.content.into_iter().map(|block| match block {
            ContentBlock::Text { text } => text,
            other => panic!("{other:?}"),
        });
        texts.collect()
    }

    fn refusal(&self) -> Error {
        self.engine.reply(&self.request).unwrap_err()
    }

    /// Answers the call the engine makes next.
    fn answered(mut self, output: &str, is_error: bool) -> Self {
        let (name, arguments) = self.call();
        let id = format!("use-{}", self.request.messages.len());
        let message = |role, block| Message {
            role,
            content: vec![block],
        };
        let asked = ContentBlock::ToolUse {
            id: id.clone(),
            name,
            arguments: arguments.to_string(),
        };
        let result = ContentBlock::ToolResult {
            id,
            output: output.to_owned(),
            is_error,
        };
        self.request.messages.push(message(Role::Assistant, asked));
        self.request.messages.push(message(Role::User, result));
        self
    }
}

fn create_tests() -> Turn {
    Turn::of(Task::CreateTests {
        target: "Shop.Cart".to_owned(),
        dry_run: false,
    })
}

fn report(compiled: bool, diagnostics: &str) -> String {
    json!({
        "path": "test/shop/cart_test.exs", "compiled": compiled, "runs": [], "tests": [],
        "diagnostics": diagnostics, "printed": "", "truncated": false,
    })
    .to_string()
}

/// What the probe would print when every call gives 3 and every doctest compiles.
fn observed(probe: &Value) -> String {
    let script = probe["content"].as_str().unwrap();
    let rows = script.lines().filter(|line| line.starts_with("      {\""));
    let lines = rows.map(|row| {
        let id = row.split('"').nth(1).unwrap();
        let outcome = if row.contains("\"only: ") { "compiled" } else { "value" };
        json!({ "aiex_probe": id, "outcome": outcome, "text": "3", "stable": true, "readable": true }).to_string()
    });
    lines.collect::<Vec<String>>().join("\n")
}

fn report_of_probe(printed: &str) -> String {
    let mut report: Value = serde_json::from_str(&report(true, "")).unwrap();
    report["printed"] = json!(printed);
    report.to_string()
}

/// A report in which every test of the file has these states.
fn report_of_trial(trial: &Value, states: [&str; 3]) -> String {
    let mut describe = None;
    let mut tests = Vec::new();
    for line in trial["content"].as_str().unwrap().lines() {
        let named = |kind: &str| {
            let name = line.trim_start().strip_prefix(kind)?.strip_prefix(" \"")?;
            Some(name.rsplit_once('"')?.0.to_owned())
        };
        if let Some(name) = named("describe") {
            describe = Some(name);
        } else if let Some(name) = named("test") {
            let full = describe
                .iter()
                .fold("test".to_owned(), |all, part| format!("{all} {part}"));
            tests.push(json!({
                "module": "Shop.CartTest", "name": format!("{full} {name}"), "describe": describe,
                "line": 1, "states": states, "message": null,
            }));
        }
    }
    assert!(!tests.is_empty(), "{trial}");
    let mut report: Value = serde_json::from_str(&report(true, "")).unwrap();
    report["tests"] = json!(tests);
    report.to_string()
}

#[test]
fn tests_are_probed_tried_with_three_seeds_and_written() {
    let turn = create_tests();
    let (tool, probe) = turn.call();
    assert_eq!((tool.as_str(), &probe["seeds"]), ("run_tests", &json!([0])));
    let turn = turn.answered(&report_of_probe(&observed(&probe)), false);
    let (tool, trial) = turn.call();
    assert_eq!(
        (tool.as_str(), &trial["seeds"]),
        ("run_tests", &json!([1, 2, 3]))
    );
    assert_eq!(trial["path"], probe["path"]);
    let turn = turn.answered(&report_of_trial(&trial, ["passed"; 3]), false);
    let (tool, written) = turn.call();
    assert_eq!(
        (tool.as_str(), &written["path"]),
        ("write_file", &trial["path"])
    );
    assert!(
        turn.answered("tests passed", false)
            .answer()
            .contains("Kept ")
    );
}

#[test]
fn a_test_that_fails_once_is_not_written() {
    let turn = create_tests();
    let (_, probe) = turn.call();
    let turn = turn.answered(&report_of_probe(&observed(&probe)), false);
    let (_, trial) = turn.call();
    let turn = turn.answered(
        &report_of_trial(&trial, ["passed", "failed", "passed"]),
        true,
    );
    assert!(turn.answer().contains("nothing was written"));
}

#[test]
fn a_project_that_does_not_compile_is_said_to_be_so() {
    let turn = create_tests().answered(&report(false, "** (SyntaxError) lib/shop/cart.ex"), true);
    let refusal = turn.refusal();
    assert!(refusal.message.contains("SyntaxError"), "{refusal}");
    assert!(refusal.hint.contains("mix test"), "{refusal:?}");
}

#[test]
fn a_sandbox_that_cannot_run_tests_is_said_to_be_so() {
    let turn = create_tests().answered("no sandbox tier passed its probe", true);
    let refusal = turn.refusal();
    assert!(refusal.message.contains("no sandbox tier"), "{refusal}");
}

fn create_module() -> Turn {
    Turn::of(Task::CreateModule {
        name: "Shop.Order".to_owned(),
        kind: "struct".to_owned(),
        description: String::new(),
        dry_run: false,
    })
}

#[test]
fn a_module_is_written_with_its_test_in_one_call() {
    let turn = create_module();
    let (tool, arguments) = turn.call();
    assert_eq!(tool, "edit_files");
    let paths: Vec<&str> = arguments["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["lib/shop/order.ex", "test/shop/order_test.exs"]);
    let turn = turn.answered("written\ncompile passed", false);
    assert!(turn.answer().contains("Created `Shop.Order`"));
}

#[test]
fn what_fails_its_verification_is_put_back() {
    let turn = create_module().answered("written\ncompile failed: undefined function", false);
    let (tool, arguments) = turn.call();
    assert_eq!(tool, "edit_files");
    let back = json!([
        { "path": "lib/shop/order.ex", "delete": true },
        { "path": "test/shop/order_test.exs", "delete": true },
    ]);
    assert_eq!(
        (&arguments["files"], &arguments["verify"]),
        (&back, &json!(false))
    );
    assert!(
        turn.answered("deleted", false)
            .answer()
            .contains("Nothing was changed")
    );
}

#[test]
fn what_cannot_be_put_back_is_not_hidden() {
    let turn = create_module()
        .answered("written\ntests failed: 1 failure", false)
        .answered("lib/shop/order.ex changed since", true);
    let answer = turn.answer();
    assert!(
        answer.contains("changed since") && answer.contains("aiex undo"),
        "{answer}"
    );
}

fn rename(dry_run: bool) -> Turn {
    Turn::of(Task::RenameFunction {
        target: "Shop.Cart.add/2".to_owned(),
        new_name: "plus".to_owned(),
        dry_run,
    })
}

#[test]
fn a_rename_is_one_guarded_call_and_a_dry_run_none() {
    let (tool, arguments) = rename(false).call();
    assert_eq!(tool, "edit_files");
    let file = &arguments["files"][0];
    assert_eq!(file["path"], "lib/shop/cart.ex");
    assert_eq!(
        file["expected_hash"],
        json!(blake3::hash(CART.as_bytes()).to_hex().to_string())
    );
    let done = rename(false).answered("compile passed", false).answer();
    assert!(done.contains("Renamed Shop.Cart.add/2 to plus"), "{done}");
    let preview = rename(true).answer();
    assert!(preview.contains("+  def plus(a, b)"), "{preview}");
}

#[test]
fn a_refused_rename_ends_the_turn_with_the_reason() {
    let refusal = rename(false)
        .answered("lib/shop/cart.ex is not what was read", true)
        .refusal();
    assert!(refusal.message.contains("nothing was renamed"), "{refusal}");
}

#[test]
fn without_a_project_there_is_nothing_to_look_at() {
    let mut turn = rename(false);
    turn.request.workspace_id = String::new();
    assert!(turn.refusal().hint.contains("inside a project"));
    turn.request.workspace_id = "0".repeat(64);
    assert_eq!(turn.refusal().kind, ErrorKind::Offline);
}
