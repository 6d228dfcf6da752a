//! What an operator relies on: probes, metrics, an orderly stop, the configuration as it is in force, the log.

use crate::world::{World, mistyped};
use aiex_scripted_provider::{Script, Step};
use aiex_tests::{http_get, node_command, run_to_end, wait_until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The node's grace, as configured by default.
const GRACE: Duration = Duration::from_secs(10);

#[test]
fn probes_and_metrics_are_served() -> Result<()> {
    let world = World::scripted_shop(Script::of_steps([Step::text("Hello.")]))?;
    for path in ["/livez", "/readyz", "/startupz"] {
        let (status, body) = http_get(&world.node.operations, path)?;
        ensure!(
            status == 200 && !body.is_empty(),
            "{path}: {status} {body:?}"
        );
    }
    ensure!(http_get(&world.node.operations, "/nothing")?.0 == 404);
    world
        .run(&["ask", "--model", "scripted", "Shop.Price"])?
        .expect(0)?;
    let (status, metrics) = http_get(&world.node.operations, "/metrics")?;
    ensure!(status == 200);
    for name in [
        "aiex_log_fsync_seconds",
        "aiex_raft_applied_index",
        "aiex_journal_events_appended_total",
        "aiex_llm_attempts_total",
        "aiex_llm_tokens_total",
        "aiex_context_prompt_tokens",
    ] {
        ensure!(metrics.contains(name), "no {name} in\n{metrics}");
    }
    ensure!(
        value(&metrics, "aiex_journal_events_appended_total") >= 5.0,
        "{metrics}"
    );
    Ok(())
}

/// The sum over all labels.
fn value(metrics: &str, name: &str) -> f64 {
    let of_name = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    };
    let number = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
    metrics.lines().filter(of_name).filter_map(number).sum()
}

#[test]
fn sigterm_ends_in_order_and_the_next_start_serves() -> Result<()> {
    let mut world = World::shop()?;
    world.run(&["ask", "Shop.Price"])?.expect(0)?;
    let session = world.last_session()?;
    let events = world.events(&session)?;
    let asked = Instant::now();
    ensure!(world.node.stop()? == Some(0), "{}", world.node.log()?);
    ensure!(asked.elapsed() < GRACE, "it took {:?}", asked.elapsed());
    let refused = world.run(&["ask", "Shop.Price"])?;
    refused.expect(7)?;
    ensure!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    world.node.restart()?;
    ensure!(http_get(&world.node.operations, "/readyz")?.0 == 200);
    ensure!(world.events(&session)? == events, "the log changed");
    world.check_whole(&session)
}

#[test]
fn a_turn_that_runs_survives_the_stop_of_its_node() -> Result<()> {
    let mut slow = Step::text("It took a while.");
    slow.delay_ms = 400;
    let mut world = World::scripted_shop(Script::of_steps([slow]))?;
    let cli = world.cli()?;
    let child = cli.spawn(["ask", "--model", "scripted", "think"])?;
    wait_until("the model is called", Duration::from_secs(30), || {
        let model = world.model.as_ref().context("no model")?;
        Ok(!model.bill().is_empty())
    })?;
    let code = world.node.stop()?;
    ensure!(code == Some(0), "exit {code:?}: {}", world.node.log()?);
    world.node.restart()?;
    let output = child.wait_with_output()?;
    let (said, notes) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    ensure!(output.status.success(), "{said}{notes}");
    ensure!(said.trim() == "It took a while.", "{said}{notes}");
    world.check_whole(&world.last_session()?)
}

#[test]
fn the_configuration_is_checked_and_shown() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("node.toml");
    let text = "[node]\nplanned_nodes = 5\n\n[agent]\nmodel_calls_max = 7\n\n[[llm.provider]]\nname = \"p\"\n\
                dialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\nkey = \"env:SECRET_KEY\"\n\n[[llm.route]]\nmodel = \"m\"\ntargets = [\"p/m\"]\n";
    std::fs::write(&file, text)?;
    let run = |args: &[&str]| {
        let mut command = node_command()?;
        command.arg("--config").arg(&file).args(args);
        command
            .env("SECRET_KEY", "sk-hunter2")
            .env("AIEX__NODE__SHUTDOWN_GRACE_MS", "1234");
        run_to_end(&mut command)
    };
    let checked = run(&["--check-config"])?;
    ensure!(checked.expect(0)?.contains("valid"), "{}", checked.stdout);
    let dumped = run(&["--dump-config", "--client-address", "127.0.0.1:7777"])?;
    let dump = dumped.expect(0)?;
    for line in [
        "planned_nodes = 5",
        "model_calls_max = 7",
        "shutdown_grace_ms = 1234",
        "client_address = \"127.0.0.1:7777\"",
        "operations_address = \"127.0.0.1:7403\"",
        "key = \"env:SECRET_KEY\"",
    ] {
        ensure!(dump.contains(line), "no {line:?} in\n{dump}");
    }
    ensure!(!dump.contains("hunter2"), "a secret is shown:\n{dump}");
    // What was shown is itself a configuration, with the same meaning.
    std::fs::write(&file, dump)?;
    let again = run(&["--dump-config"])?;
    ensure!(again.expect(0)? == dump, "{}", again.stdout);
    Ok(())
}

#[test]
fn the_log_names_sessions_and_no_secret() -> Result<()> {
    let mut world = World::shop()?;
    world
        .run(&["ask", "where is the hidden treasure?"])?
        .expect(0)?;
    let session = world.last_session()?;
    let made = world.document(&["create", "token", "--role", "developer"])?;
    let made = made["token"].as_str().context("no token")?.to_owned();
    let first = world.node.token()?;
    let mistyped = mistyped(&first);
    let refused = world
        .cli()?
        .with_token(Some(&mistyped))
        .run(["ask", "Shop"])?;
    refused.expect(3)?;
    world.node.stop()?;
    let log = world.node.log()?;
    let mut of_session = 0;
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        for field in ["time", "level", "target", "message"] {
            ensure!(line[field].is_string(), "no {field} in {line}");
        }
        of_session += usize::from(line["session"] == session.as_str());
    }
    ensure!(
        of_session >= 2,
        "no start and no end of the turn of {session} in\n{log}"
    );
    for secret in [&first, &made, &mistyped] {
        // aiex_<id>_<secret>, where the secret itself may hold a `_`.
        let part = secret.splitn(3, '_').nth(2).context("another form")?;
        ensure!(!log.contains(part), "a token stands in the log:\n{log}");
    }
    ensure!(
        !log.contains("treasure"),
        "what was asked stands in the log:\n{log}"
    );
    Ok(())
}
