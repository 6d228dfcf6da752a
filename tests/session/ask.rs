//! `aiex ask` with a model that follows a script: edits, commands, denials, and a provider with bad days.

use crate::world::{World, tool_results};
use aiex_scripted_provider::{Fault, Rule, Script, Step, When};
use aiex_tests::{interrupt, wait_for_exit, wait_until};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

const ASK: [&str; 3] = ["ask", "--model", "scripted"];
const PRICE: &str = "lib/shop/price.ex";

fn ask(world: &World, more: &[&str]) -> Result<aiex_tests::Ran> {
    world.run(&[&ASK[..], more].concat())
}

/// The edit that makes `free?/1` generous.
fn generous() -> Step {
    edit("amount == 0", "amount <= 0")
}

fn edit(old: &str, new: &str) -> Step {
    let arguments = json!({ "path": PRICE, "edits": [{ "old": old, "new": new }] });
    Step::tool("edit_file", arguments)
}

#[test]
fn a_model_edits_writes_and_runs_the_suite() -> Result<()> {
    let module = "defmodule Shop.Gift do\n  def card(amount), do: {:card, amount}\nend\n";
    let script = Script::of_steps([
        Step::text("I look first.").and_tool("read_file", json!({ "path": PRICE })),
        generous(),
        Step::tool(
            "write_file",
            json!({ "path": "lib/shop/gift.ex", "content": module }),
        ),
        Step::tool("run_command", json!({ "argv": ["mix", "test"] })),
        Step::text("Free means at most nothing now."),
    ]);
    let world = World::scripted_shop(script)?;
    let before = world.files()?;
    let (ran, lines) = world.json(&[&ASK[..], &["--yes", "be generous"]].concat())?;
    ran.expect(0)?;
    let result = lines.last().context("no result")?;
    ensure!(
        result["text"] == "Free means at most nothing now.",
        "{result}"
    );
    ensure!(
        result["changed_files"] == json!(["lib/shop/gift.ex", PRICE]),
        "{result}"
    );
    ensure!(world.read(PRICE)?.contains("amount <= 0"));
    ensure!(world.read("lib/shop/gift.ex")? == module);
    let events = world.events(&world.last_session()?)?;
    let results = tool_results(&events);
    ensure!(
        results.len() == 4 && results.iter().all(|(status, _)| status == "ok"),
        "{results:#?}"
    );
    ensure!(results[3].1.contains("0 failures"), "{}", results[3].1);
    ensure!(compiled(&events), "no edit was compiled: {events:#?}");
    world.run(&["undo", "--yes"])?.expect(0)?;
    ensure!(world.files()? == before, "undo left something behind");
    Ok(())
}

fn compiled(events: &[Value]) -> bool {
    let steps = events
        .iter()
        .filter_map(|event| event["verdict"]["steps"].as_array())
        .flatten();
    steps
        .filter(|step| step["name"] == "compile" && step["status"] == "passed")
        .count()
        == 2
}

#[test]
fn a_wrong_edit_is_told_to_the_model_which_mends_it() -> Result<()> {
    // The right edit is only said to somebody who shows what was wrong with the first two.
    let told = |text: &str, step| Rule {
        when: When {
            last_tool_contains: Some(text.to_owned()),
            ..When::default()
        },
        step,
    };
    let script = Script {
        rules: vec![
            told("the edit was not found", edit("integer()", "number()")),
            told("include more surrounding lines", generous()),
            told("amount <= 0", Step::text("Mended.")),
        ],
        ..Script::of_steps([edit("amount === nil", "true")])
    };
    let world = World::scripted_shop(script)?;
    let ran = ask(&world, &["--yes", "be generous"])?;
    ensure!(ran.expect(0)?.trim() == "Mended.", "{}", ran.transcript());
    let results = tool_results(&world.events(&world.last_session()?)?);
    let statuses: Vec<_> = results.iter().map(|(status, _)| status.as_str()).collect();
    ensure!(statuses == ["failed", "failed", "ok"], "{results:#?}");
    Ok(())
}

#[test]
fn arguments_that_are_no_json_are_told_to_the_model() -> Result<()> {
    let broken = Step::tool("read_file", json!("{\"path\": \"lib/sho"));
    let cut = Step::tool("read_file", json!({ "path": PRICE })).fault(Fault::MalformedToolJson);
    let world = World::scripted_shop(Script::of_steps([broken, cut, Step::text("Oh.")]))?;
    let ran = ask(&world, &["read it"])?;
    ensure!(ran.expect(0)?.trim() == "Oh.", "{}", ran.transcript());
    let session = world.last_session()?;
    for (status, output) in tool_results(&world.events(&session)?) {
        let told = status == "failed" && output.contains("not usable") && output.contains("hint:");
        ensure!(told, "{status}: {output}");
    }
    world.check_whole(&session)
}

#[test]
fn without_yes_and_without_a_terminal_nothing_is_changed() -> Result<()> {
    let script = Script::of_steps([generous(), generous(), generous(), Step::text("Done.")]);
    let world = World::scripted_shop(script)?;
    let before = world.files()?;
    let ran = ask(&world, &["be generous"])?;
    ran.expect(5)?;
    let said = ran.stderr.contains("error[approval_denied]") && ran.stderr.contains("--yes");
    ensure!(said, "{}", ran.stderr);
    ensure!(world.files()? == before, "a denied edit was applied");
    let session = world.last_session()?;
    world.check_whole(&session)?;
    let dry = ask(&world, &["--continue", "--dry-run", "then show it"])?;
    dry.expect(0)?;
    ensure!(dry.stderr.contains("amount <= 0"), "{}", dry.stderr);
    ensure!(world.files()? == before, "a dry run changed a file");
    world.check_whole(&session)
}

#[test]
fn a_denied_turn_can_be_asked_again_in_its_session() -> Result<()> {
    let script = Script::of_steps([generous(), generous(), Step::text("Done.")]);
    let world = World::scripted_shop(script)?;
    ask(&world, &["be generous"])?.expect(5)?;
    let again = ask(&world, &["--continue", "--yes", "go on"])?;
    ensure!(again.expect(0)?.trim() == "Done.", "{}", again.transcript());
    ensure!(world.read(PRICE)?.contains("amount <= 0"));
    world.check_whole(&world.last_session()?)
}

#[test]
fn a_provider_that_asks_to_wait_is_asked_again() -> Result<()> {
    let step = Step::text("Here I am.")
        .fault(Fault::rate_limit(20))
        .fault(Fault::status(503));
    let world = World::scripted_shop_with(
        Script::of_steps([step]),
        "[llm.retry]\nbackoff_start_ms = 20\n",
    )?;
    let ran = ask(&world, &["hello"])?;
    ensure!(
        ran.expect(0)?.trim() == "Here I am.",
        "{}",
        ran.transcript()
    );
    let bill = world.model.as_ref().context("no model")?.bill();
    let statuses: Vec<u16> = bill.iter().map(|attempt| attempt.status).collect();
    ensure!(statuses == [429, 503, 200], "{statuses:?}");
    Ok(())
}

#[test]
fn a_provider_that_fails_ends_the_turn_and_not_the_session() -> Result<()> {
    let nobody = "127.0.0.1:1";
    let more = format!(
        "[llm.retry]\nattempts_max = 2\nbackoff_start_ms = 10\n\n[agent]\nmodel_calls_max = 3\n\n\
         [[llm.provider]]\nname = \"down\"\ndialect = \"openai\"\nbase_url = \"http://{nobody}/v1\"\n\n\
         [[llm.route]]\nmodel = \"down\"\ntargets = [\"down/model\"]\n"
    );
    let mut refused = Step::text("never");
    refused.always = Some(Fault::status(500));
    let curious = std::iter::repeat_n(Step::tool("list_files", json!({})), 9);
    let told_to_fail = When {
        last_user_contains: Some("fail".to_owned()),
        ..When::default()
    };
    let script = Script::of_steps(curious).with_rule(told_to_fail, refused);
    let world = World::scripted_shop_with(script, &more)?;
    for (model, text, exit, code) in [
        ("down", "hello", 1, "provider_failed"),
        ("scripted", "fail", 1, "provider_failed"),
        ("scripted", "look around", 4, "limit_reached"),
        ("absent", "hello", 1, "not_found"),
    ] {
        world
            .run(&["ask", "--model", "offline", "Shop"])?
            .expect(0)?;
        let session = world.last_session()?;
        let ran = world.run(&["ask", "--model", model, "--session", &session, text])?;
        ran.expect(exit)
            .with_context(|| format!("{model} {text}"))?;
        let error = format!("error[{code}]");
        let once = ran.stderr.matches(&error).count() == 1 && ran.stderr.contains("hint:");
        ensure!(once, "{model} {text}: {}", ran.stderr);
        world.check_whole(&session)?;
    }
    Ok(())
}

#[test]
fn an_interrupted_turn_is_cancelled_and_the_session_goes_on() -> Result<()> {
    let mut slow = Step::text("so slow");
    slow.delay_ms = 60_000;
    let world = World::scripted_shop(Script::of_steps([slow]))?;
    let mut child = world.cli()?.spawn([&ASK[..], &["think"]].concat())?;
    let calls = || world.model.as_ref().map_or(0, |model| model.bill().len());
    wait_until("the model is called", Duration::from_secs(30), || {
        Ok(calls() > 0)
    })?;
    interrupt(child.id())?;
    let code = wait_for_exit(&mut child, Duration::from_secs(30))?;
    ensure!(code == Some(130), "exit {code:?}");
    world.check_whole(&world.last_session()?)
}
