//! Bad input of a node's operator: one clear message, a hint, the documented exit code; a node that runs is not
//! disturbed by one that cannot start.

use crate::world::World;
use aiex_tests::{Ran, node_command, run_to_end};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// `EX_CONFIG`.
const CONFIG: i32 = 78;

/// Checks one start that must fail.
fn check(what: &str, ran: &Ran, exit: i32, says: &str) -> Result<()> {
    let of = || format!("{what}: {}", ran.transcript());
    ensure!(ran.code == Some(exit), "exit {exit} expected\n{}", of());
    let errors = ran.stderr.matches("aiex-node: ").count();
    let hints = ran.stderr.matches("hint: ").count();
    ensure!(
        (errors, hints) == (1, 1),
        "not one error with one hint\n{}",
        of()
    );
    ensure!(ran.stderr.contains(says), "no {says:?}\n{}", of());
    let vague = ran.stderr.contains("see the lines above");
    ensure!(!vague, "the hint helps nobody\n{}", of());
    ensure!(!ran.stderr.contains("panicked"), "{}", of());
    ensure!(
        ran.stdout.is_empty(),
        "addresses of a node that does not run\n{}",
        of()
    );
    Ok(())
}

/// A node on free ports.
fn node(data_dir: &Path) -> Result<Command> {
    let mut command = node_command()?;
    command.arg("--data-dir").arg(data_dir).args([
        "--client-address",
        "127.0.0.1:0",
        "--operations-address",
        "127.0.0.1:0",
        "--print-addresses",
    ]);
    Ok(command)
}

/// The same program where `directory` is an empty file system that is mounted read-only. The mount lives in a
/// namespace of its own and goes with the program; modes would not hold root back.
pub(crate) fn on_read_only(directory: &Path, direct: Command) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs -o ro tmpfs \"$0\" && exec \"$@\"");
    command.arg(directory).arg(direct.get_program());
    command
        .args(direct.get_args())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in direct.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    if let Some(directory) = direct.get_current_dir() {
        command.current_dir(directory);
    }
    command
}

#[test]
fn wrong_configuration_names_the_key() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("node");
    let file = home.path().join("node.toml");
    let provider = "[[llm.provider]]\nname = \"p\"\ndialect = \"openai\"\nbase_url = ";
    let route = "[[llm.route]]\nmodel = \"m\"\ntargets = [\"p/m\"]";
    let beyond = "[[llm.route]]\nmodel = \"m\"\ntargets = [\"absent/m\"]";
    for (text, says) in [
        ("[node]\ndata_dri = \"x\"", "data_dri"),
        ("[nodes]\n", "nodes"),
        ("[node]\nplanned_nodes = 0", "node.planned_nodes"),
        ("[node]\nplanned_nodes = \"many\"", "node.planned_nodes"),
        ("[node]\nplanned_nodes = ", "node.toml"),
        ("[llm]\ndefault_model = \"absent\"", "llm.default_model"),
        (&format!("{provider}\"ftp://x\""), "base_url"),
        (
            &format!("{provider}\"http://x/v1\"\nkey = \"sk-hunter2\"\n{route}"),
            "llm.provider[0].key",
        ),
        (beyond, "absent"),
    ] {
        std::fs::write(&file, text)?;
        let ran = run_to_end(node(&data_dir)?.arg("--config").arg(&file))?;
        check(text, &ran, CONFIG, says)?;
        ensure!(
            !ran.stderr.contains("hunter2"),
            "a secret is shown: {}",
            ran.stderr
        );
    }
    let absent = home.path().join("absent.toml");
    let ran = run_to_end(node(&data_dir)?.arg("--config").arg(&absent))?;
    check("no file", &ran, CONFIG, "absent.toml")?;
    let ran = run_to_end(node(&data_dir)?.env("AIEX__NODE__FROB", "1"))?;
    check("variable", &ran, CONFIG, "frob")?;
    let ran = run_to_end(node_command()?.args(["--client-address", "nonsense"]))?;
    check("flag", &ran, CONFIG, "node.client_address")?;
    ensure!(!data_dir.exists(), "a refused start left a data directory");
    let ran = run_to_end(node_command()?.arg("--frobnicate"))?;
    ran.expect(2)?;
    ensure!(
        ran.stderr.contains("--frobnicate") && ran.stderr.contains("--help"),
        "{}",
        ran.stderr
    );
    Ok(())
}

#[test]
fn a_key_that_is_not_there_is_named_without_a_secret() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("node.toml");
    let provider = "[[llm.provider]]\nname = \"p\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    let route = "[[llm.route]]\nmodel = \"m\"\ntargets = [\"p/m\"]\n";
    std::fs::write(
        &file,
        format!("{provider}key = \"env:ABSENT_KEY\"\n{route}"),
    )?;
    let ran = run_to_end(node(&home.path().join("node"))?.arg("--config").arg(&file))?;
    check("absent key", &ran, CONFIG, "ABSENT_KEY")?;
    ensure!(ran.stderr.contains("llm.provider[0].key"), "{}", ran.stderr);
    Ok(())
}

#[test]
fn ports_and_directories_of_others() -> Result<()> {
    let world = World::shop()?;
    world.run(&["ask", "Shop"])?.expect(0)?;
    let session = world.last_session()?;
    let other = world.home.path().join("other");
    for (flag, address) in [
        ("--client-address", &world.node.address),
        ("--operations-address", &world.node.operations),
        ("--client-address", &world.node.operations),
    ] {
        // The last of two equal flags would be refused, so these are given once.
        let mut command = node_command()?;
        let free = match flag {
            "--client-address" => "--operations-address",
            _ => "--client-address",
        };
        command.arg("--data-dir").arg(&other);
        command.args([flag, address, free, "127.0.0.1:0", "--print-addresses"]);
        let ran = run_to_end(&mut command)?;
        check(flag, &ran, 1, address)?;
        ensure!(ran.stderr.contains("port 0"), "{}", ran.stderr);
        world.check_whole(&session)?;
    }
    let ran = run_to_end(&mut node(world.node.data_dir())?)?;
    check("in use", &ran, 1, "in use by another process")?;
    world.check_whole(&session)?;
    let file = world.home.path().join("file");
    std::fs::write(&file, "")?;
    check(
        "a file",
        &run_to_end(&mut node(&file)?)?,
        1,
        "Not a directory",
    )?;
    world.check_whole(&session)
}

#[test]
fn a_data_directory_that_cannot_be_written() -> Result<()> {
    let home = tempfile::tempdir()?;
    let mount = home.path().join("mount");
    std::fs::create_dir(&mount)?;
    for (what, data_dir) in [("itself", mount.clone()), ("above", mount.join("node"))] {
        let mut command = on_read_only(&mount, node(&data_dir)?);
        let ran = run_to_end(&mut command)?;
        check(what, &ran, 1, "is not writable").context("a read-only tmpfs")?;
        ensure!(ran.stderr.contains("--data-dir"), "{}", ran.stderr);
    }
    Ok(())
}

#[test]
fn a_node_that_became_read_only_starts_again_when_it_is_not() -> Result<()> {
    let mut world = World::shop()?;
    world.run(&["ask", "Shop"])?.expect(0)?;
    let session = world.last_session()?;
    world.node.kill()?;
    let data_dir = world.node.data_dir().to_owned();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command
        .arg("mount --bind -o ro \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"");
    command.arg(&data_dir);
    let direct = node(&data_dir)?;
    command
        .arg(direct.get_program())
        .args(direct.get_args())
        .stdin(Stdio::null());
    let ran = run_to_end(&mut command)?;
    check("read-only", &ran, 1, "is not writable")?;
    world.node.restart()?;
    world.check_whole(&session)
}
