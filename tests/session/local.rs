//! The private node of a newcomer: no endpoint, no token, an empty home.

use aiex_tests::{CommandLine, Ran, http_get, mix_project, wait_until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// What the first command says, once.
const STARTED: &str = "started a private node";

/// A user with an empty home. The private node is stopped at the end, whatever happened.
struct Newcomer {
    cli: CommandLine,
    home: TempDir,
}

impl Newcomer {
    fn arrives() -> Result<Self> {
        let home = tempfile::tempdir()?;
        let project = mix_project(home.path(), "shop")?;
        let cli = CommandLine::new(home.path(), &project, None)?;
        Ok(Self { cli, home })
    }

    fn run(&self, args: &[&str]) -> Result<Ran> {
        self.cli.run(args)
    }

    fn show(&self) -> Result<Value> {
        let ran = self.run(&["show", "local", "--json"])?;
        Ok(serde_json::from_str(ran.expect(0)?)?)
    }

    fn data_dir(&self) -> PathBuf {
        self.home.path().join("home/.local/share/aiex/local")
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        let _ = self.cli.run(["stop", "local"]);
    }
}

#[test]
fn the_first_command_starts_a_node_and_says_so_once() -> Result<()> {
    let newcomer = Newcomer::arrives()?;
    ensure!(newcomer.show()?["running"] == false);
    let first = newcomer.run(&["ask", "what is Shop?"])?;
    ensure!(first.expect(0)?.contains("lib/shop.ex"), "{}", first.stdout);
    ensure!(
        first.stderr.matches(STARTED).count() == 1,
        "{}",
        first.stderr
    );
    ensure!(first.stderr.contains("aiex stop local"), "{}", first.stderr);
    let second = newcomer.run(&["ask", "what is Shop?"])?;
    ensure!(second.expect(0)? == first.stdout, "{}", second.stdout);
    ensure!(second.stderr.is_empty(), "{}", second.stderr);

    let token = newcomer.data_dir().join("token");
    let mode = |path: &PathBuf| -> Result<u32> {
        let metadata = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(metadata.permissions().mode() & 0o777)
    };
    ensure!(
        mode(&token)? == 0o600,
        "the token's mode is {:o}",
        mode(&token)?
    );
    let data_dir = newcomer.data_dir();
    ensure!(
        mode(&data_dir)? == 0o700,
        "the directory's mode is {:o}",
        mode(&data_dir)?
    );
    let secret = std::fs::read_to_string(&token)?;
    for file in ["node.log", "node.json", "addresses.json"] {
        let text = std::fs::read_to_string(data_dir.join(file))?;
        ensure!(!text.contains(secret.trim()), "the token stands in {file}");
    }
    // What others may read does not open the door.
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644))?;
    let open = newcomer.run(&["ask", "what is Shop?"])?;
    open.expect(3)?;
    ensure!(open.stderr.contains("chmod 600"), "{}", open.stderr);
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600))?;
    newcomer.run(&["ask", "what is Shop?"])?.expect(0)?;
    Ok(())
}

#[test]
fn it_is_shown_stopped_and_started() -> Result<()> {
    let newcomer = Newcomer::arrives()?;
    let none = newcomer.run(&["stop", "local"])?;
    ensure!(none.expect(0)?.contains("not running"), "{}", none.stdout);
    newcomer.run(&["start", "local"])?.expect(0)?;
    let shown = newcomer.show()?;
    ensure!(shown["running"] == true, "{shown}");
    let operations = shown["operations"].as_str().context("no address")?;
    ensure!(http_get(operations, "/readyz")?.0 == 200);
    newcomer.run(&["ask", "what is Shop?"])?.expect(0)?;
    let again = newcomer.run(&["start", "local"])?;
    again.expect(0)?;
    ensure!(again.stderr.contains("it runs already"), "{}", again.stderr);
    ensure!(
        newcomer.show()?["pid"] == shown["pid"],
        "a second node was started"
    );

    let stopped = newcomer.run(&["stop", "local"])?;
    ensure!(stopped.expect(0)?.trim() == "stopped", "{}", stopped.stdout);
    ensure!(newcomer.show()?["running"] == false);
    newcomer.run(&["start", "local"])?.expect(0)?;
    let list = newcomer.run(&["list", "sessions"])?;
    ensure!(list.expect(0)?.contains("what is Shop?"), "{}", list.stdout);
    newcomer.run(&["doctor"])?.expect(0)?;
    Ok(())
}

#[test]
fn a_killed_node_is_started_again() -> Result<()> {
    let newcomer = Newcomer::arrives()?;
    newcomer.run(&["ask", "what is Shop?"])?.expect(0)?;
    let pid = newcomer.show()?["pid"].as_u64().context("no pid")?;
    let mut kill = std::process::Command::new("kill");
    aiex_tests::run_to_end(kill.args(["-9", &pid.to_string()]))?.expect(0)?;
    wait_until("the node is gone", Duration::from_secs(10), || {
        Ok(newcomer.show()?["running"] == false)
    })?;
    let next = newcomer.run(&["ask", "--continue", "and what else?"])?;
    next.expect(0)?;
    ensure!(next.stderr.contains(STARTED), "{}", next.stderr);
    let session = newcomer.run(&["show", "session", "--json"])?;
    let session: Value = serde_json::from_str(session.expect(0)?)?;
    ensure!(
        session["session"]["turns"] == 2,
        "the first turn is lost: {session}"
    );
    Ok(())
}

#[test]
fn a_node_that_cannot_start_says_why() -> Result<()> {
    let newcomer = Newcomer::arrives()?;
    let ask = ["ask", "what is Shop?"];
    let absent = |binary: &str| -> Result<Ran> {
        let mut command = newcomer.cli.command(ask)?;
        aiex_tests::run_to_end(command.env("AIEX_NODE_BINARY", binary))
    };
    let ran = absent("/nowhere/aiex-node")?;
    ran.expect(1)?;
    let said = ran.stderr.contains("/nowhere/aiex-node") && ran.stderr.contains("hint: ");
    ensure!(said, "{}", ran.stderr);
    let ran = absent("/bin/false")?;
    ran.expect(7)?;
    let said = ran.stderr.contains("did not start") && ran.stderr.contains("hint: ");
    ensure!(said, "{}", ran.stderr);
    newcomer.run(&ask)?.expect(0)?;
    Ok(())
}
