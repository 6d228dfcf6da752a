//! Two hundred `kill -9` at random points of scripted sessions with edits: nothing that was shown is lost, and no
//! edit is applied twice.
//!
//! The terminal program runs a turn of many edits; the node is killed again and again meanwhile and started on the
//! same disk and port. Each edit puts a line before a marker, so a second application would stand in the file twice.

use crate::seed::Random;
use aiex_scripted_provider::{Script, Step};
use aiex_tests::{CommandLine, Node, ScriptedModel, mix_project};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Kills over all sessions.
const KILLS: usize = 200;
/// Edits of one turn.
const EDITS: usize = 12;
/// A node lives between nothing and this long before it is killed.
const LIFE_MS_MAX: u64 = 700;
/// Longest that one turn may take, kills included.
const TURN_LIMIT: Duration = Duration::from_secs(180);
const MARKER: &str = "# end";

/// What the client showed: event number → the line.
type Shown = BTreeMap<u64, Value>;

#[test]
fn two_hundred_kills_lose_nothing_and_repeat_nothing() -> Result<()> {
    let mut random = Random::seeded("kill_nine");
    let home = tempfile::tempdir()?;
    let project = mix_project(home.path(), "shop")?;
    let model = ScriptedModel::start(script())?;
    let mut node = Node::start(home.path(), Some(&model.node_config()))?;
    let (mut kills, mut turns, mut events) = (0, 0, 0);
    while kills < KILLS {
        turns += 1;
        let file = format!("notes/turn_{turns}.exs");
        let cli = CommandLine::new(home.path(), &project, Some(&node))?;
        let prompt = format!("write the numbers into {file}");
        let child = cli.spawn([
            "ask",
            "--model",
            "scripted",
            "--yes",
            "--json",
            prompt.as_str(),
        ])?;
        let outcome = disturb(child, &mut node, &mut random, KILLS - kills)?;
        kills += outcome.kills;
        events += outcome.shown.len();
        check_edits(&project.join(&file)).with_context(|| outcome.stderr.clone())?;
        check_log(&cli, &outcome.shown)?;
    }
    println!(
        "kill_nine: {kills} kills, {turns} turns, {events} events shown, 0 lost, 0 edits applied twice"
    );
    Ok(())
}

/// The turn: make a file with a marker, then put one line before the marker with each edit.
fn script() -> Script {
    let conversations = (1..=400).map(|turn| {
        let path = format!("notes/turn_{turn}.exs");
        let make = json!({ "path": path, "content": format!("{MARKER}\n"), "verify": false });
        let mut steps = vec![Step::tool("write_file", make)];
        for number in 1..=EDITS {
            let new = format!("line({number})\n{MARKER}");
            let edit =
                json!({ "path": path, "edits": [{ "old": MARKER, "new": new }], "verify": false });
            let mut step = Step::tool("edit_file", edit);
            step.delay_ms = 15;
            steps.push(step);
        }
        steps.push(Step::text("Done."));
        (format!("into {path}"), steps)
    });
    conversations.fold(Script::default(), |script, (text, steps)| {
        script.with_conversation(text, steps)
    })
}

struct Disturbed {
    kills: usize,
    shown: Shown,
    stderr: String,
}

/// Kills and restarts the node at random moments until the turn is over.
fn disturb(
    mut child: Child,
    node: &mut Node,
    random: &mut Random,
    kills_left: usize,
) -> Result<Disturbed> {
    let lines = read_lines(&mut child)?;
    let mut stderr = child.stderr.take().context("no stderr")?;
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let started = Instant::now();
    let (mut kills, mut shown) = (0, Shown::new());
    let mut next_kill = Instant::now() + Duration::from_millis(random.below(LIFE_MS_MAX));
    loop {
        let wait = if kills < kills_left {
            next_kill.saturating_duration_since(Instant::now())
        } else {
            TURN_LIMIT
        };
        match lines.recv_timeout(wait.min(TURN_LIMIT)) {
            Ok(line) => note(&line, &mut shown)?,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if started.elapsed() > TURN_LIMIT {
                    let _ = child.kill();
                    bail!(
                        "the turn did not end within {TURN_LIMIT:?} after {kills} kills; node:\n{}",
                        node.log()?
                    );
                }
                node.restart()?;
                kills += 1;
                next_kill = Instant::now() + Duration::from_millis(random.below(LIFE_MS_MAX));
            }
        }
    }
    let status = child.wait()?;
    let stderr = errors.join().unwrap_or_default();
    ensure!(
        status.success(),
        "the turn ended with {status} after {kills} kills:\n{stderr}"
    );
    Ok(Disturbed {
        kills,
        shown,
        stderr,
    })
}

fn read_lines(child: &mut Child) -> Result<Receiver<String>> {
    let stdout = child.stdout.take().context("no stdout")?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Remembers a committed event that the client showed; the same number must always be the same event.
fn note(line: &str, shown: &mut Shown) -> Result<()> {
    let item: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
    let Some(seq) = item["seq"].as_u64() else {
        return Ok(());
    };
    if let Some(before) = shown.insert(seq, item.clone()) {
        ensure!(
            before["event"] == item["event"],
            "event {seq} was shown as {before} and as {item}"
        );
    }
    Ok(())
}

/// Every line stands once, in order.
fn check_edits(file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let expected: String = (1..=EDITS)
        .map(|number| format!("line({number})\n"))
        .collect();
    ensure!(
        text == format!("{expected}{MARKER}\n"),
        "an edit is missing or stands twice:\n{text}"
    );
    Ok(())
}

/// The stored log has no gap and holds everything that was shown.
fn check_log(cli: &CommandLine, shown: &Shown) -> Result<()> {
    let export = cli.run(["export", "session"])?;
    ensure!(
        export.code == Some(0),
        "export failed: {}",
        export.transcript()
    );
    let mut stored = BTreeMap::new();
    for line in export.stdout.lines() {
        let item: Value = serde_json::from_str(line)?;
        if let Some(seq) = item["seq"].as_u64() {
            stored.insert(seq, item);
        }
    }
    let last = stored.len() as u64;
    ensure!(
        stored.keys().copied().eq(1..=last),
        "the log has a gap: {:?}",
        stored.keys()
    );
    ensure!(!shown.is_empty(), "no event was shown");
    for (seq, item) in shown {
        let kept = stored
            .get(seq)
            .with_context(|| format!("event {seq} was shown and is lost: {item}"))?;
        let shown = &item["event"]["type"];
        ensure!(
            kept["type"] == *shown && shown.is_string(),
            "event {seq} was shown as {item} and is stored as {kept}"
        );
    }
    Ok(())
}
