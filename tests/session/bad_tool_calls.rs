//! Bad tool calls of a model: each is refused where the files are, told to the model, recorded, and changes nothing.

use crate::world::{World, tool_results};
use aiex_scripted_provider::{Script, Step};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::File;
use std::os::unix::fs::symlink;

/// A call, what becomes of it, and what the model is told.
type Case = (&'static str, Value, &'static str, &'static str);

#[test]
fn calls_out_of_the_project_and_on_what_is_no_text() -> Result<()> {
    let cases = cases();
    let mut steps: Vec<Step> = cases
        .iter()
        .map(|(tool, arguments, ..)| Step::tool(*tool, arguments.clone()))
        .collect();
    steps.push(Step::text("So be it."));
    let world = World::scripted_shop(Script::of_steps(steps))?;
    prepare(&world)?;
    let before = world.files()?;
    let ran = world.run(&["ask", "--model", "scripted", "--yes", "try everything"])?;
    ensure!(ran.expect(0)?.trim() == "So be it.", "{}", ran.transcript());
    let session = world.last_session()?;
    let events = world.events(&session)?;
    let results = tool_results(&events);
    ensure!(results.len() == cases.len(), "{results:#?}");
    for ((tool, arguments, status, says), (actual, output)) in cases.iter().zip(&results) {
        ensure!(
            actual == status && output.contains(says) && output.contains("hint:"),
            "{tool} {arguments}: {status} and {says:?} expected, not {actual}:\n{output}"
        );
        ensure!(
            !output.contains("top secret"),
            "{tool} {arguments} read it:\n{output}"
        );
    }
    ensure!(
        world.files()? == before,
        "a refused call changed the project"
    );
    let secret = std::fs::read_to_string(world.home.path().join("secret.txt"))?;
    ensure!(
        secret == "top secret\n",
        "a refused call changed {secret:?}"
    );
    ensure!(
        !world.home.path().join("new.txt").exists(),
        "a refused call wrote outside"
    );
    recorded(&events)?;
    world.check_whole(&session)
}

/// Every refused path is in the session's access records as denied.
fn recorded(events: &[Value]) -> Result<()> {
    let accesses: Vec<&Value> = events
        .iter()
        .filter_map(|event| event["accesses"].as_array())
        .flatten()
        .filter(|access| access["decision"] == "denied")
        .collect();
    for path in ["../secret.txt", "/etc/passwd", "lib/link.ex", "../new.txt"] {
        let found = accesses.iter().any(|access| access["path"] == path);
        ensure!(found, "no denied access to {path}: {accesses:#?}");
    }
    Ok(())
}

fn prepare(world: &World) -> Result<()> {
    let secret = world.home.path().join("secret.txt");
    std::fs::write(&secret, "top secret\n")?;
    symlink(&secret, world.project.join("lib/link.ex"))?;
    symlink(world.home.path(), world.project.join("lib/out"))?;
    world.write("lib/bin.ex", b"defmodule A do\0end")?;
    world.write("lib/latin.ex", b"# caf\xe9\n")?;
    File::create(world.project.join("lib/large.ex"))?.set_len(100 << 20)?;
    let pipe = world.project.join("lib/pipe.ex");
    let mut mkfifo = std::process::Command::new("mkfifo");
    aiex_tests::run_to_end(mkfifo.arg(pipe))?
        .expect(0)
        .context("mkfifo")?;
    Ok(())
}

fn cases() -> Vec<Case> {
    let mut cases = out_of_the_project();
    cases.extend(not_to_be_done());
    cases
}

fn read(path: &str) -> Value {
    json!({ "path": path })
}

fn edit(path: &str) -> Value {
    json!({ "path": path, "edits": [{ "old": "top", "new": "no" }], "verify": false })
}

fn out_of_the_project() -> Vec<Case> {
    let write = |path: &str| json!({ "path": path, "content": "x", "verify": false });
    let search = json!({ "pattern": "secret", "path": "lib/out" });
    let (dots, link) = ("`..`", "symbolic link");
    vec![
        ("read_file", read("../secret.txt"), "denied", dots),
        ("read_file", read("lib/../../secret.txt"), "denied", dots),
        ("read_file", read("/etc/passwd"), "denied", "absolute"),
        ("read_file", read("lib/link.ex"), "denied", link),
        ("read_file", read("lib/out/secret.txt"), "denied", link),
        ("list_files", read(".."), "denied", dots),
        ("search_text", search, "failed", "not a directory"),
        ("write_file", write("../new.txt"), "denied", dots),
        ("write_file", write("lib/out/new.txt"), "denied", link),
        ("write_file", write("/etc/aiex-new"), "denied", "absolute"),
        ("write_file", write("lib/link.ex"), "denied", link),
        ("edit_file", edit("../secret.txt"), "denied", dots),
        ("edit_file", edit("lib/link.ex"), "denied", link),
    ]
}

fn not_to_be_done() -> Vec<Case> {
    let wrong_key = json!({ "pfad": "lib/shop.ex" });
    let shell = json!({ "argv": ["sh", "-c", "cat ../secret.txt"] });
    let large = "104857600 bytes";
    vec![
        ("read_file", read("lib/large.ex"), "failed", large),
        ("read_file", read("lib/bin.ex"), "failed", "binary"),
        ("read_file", read("lib/latin.ex"), "failed", "UTF-8"),
        ("read_file", read("lib/pipe.ex"), "failed", "lib/pipe.ex"),
        ("read_file", read("lib/absent.ex"), "failed", "not exist"),
        ("read_file", wrong_key, "failed", "not usable"),
        ("edit_file", edit("lib/large.ex"), "failed", large),
        ("no_such_tool", json!({}), "failed", "no_such_tool"),
        ("run_command", json!({ "argv": [] }), "failed", "argv"),
        ("run_command", shell, "denied", "sh"),
    ]
}

#[test]
fn an_edit_that_breaks_the_code_is_told_and_not_kept_as_good() -> Result<()> {
    let broken = json!({ "path": "lib/shop/price.ex", "edits": [{ "old": "def plus(a, b), do: a + b", "new": "def plus(a, b do" }] });
    let script = Script::of_steps([Step::tool("edit_file", broken), Step::text("I broke it.")]);
    let world = World::scripted_shop(script)?;
    let ran = world.run(&["ask", "--model", "scripted", "--yes", "break it"])?;
    ran.expect(6)?;
    let session = world.last_session()?;
    let events = world.events(&session)?;
    let finished = events
        .iter()
        .find(|event| event["type"] == "tool_call_finished");
    let steps = &finished.context("no call")?["verdict"]["steps"];
    ensure!(
        steps[0]["name"] == "parse" && steps[0]["status"] == "failed",
        "{steps}"
    );
    let undone = world.run(&["undo", "--yes"])?;
    ensure!(
        matches!(undone.code, Some(0 | 1)),
        "{}",
        undone.transcript()
    );
    world.mix_test(&[])?;
    world.check_whole(&session)
}
