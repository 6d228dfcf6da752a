//! Bad input at the command line: one clear message, a hint, the documented exit code, and the session stays whole.

use crate::world::{World, mistyped};
use aiex_tests::{CommandLine, Ran, run_to_end};
use anyhow::{Context, Result, ensure};
use std::fs::{File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// What a bad input has to come to.
pub(crate) struct Expected {
    exit: i32,
    /// The code in `error[…]`.
    code: &'static str,
    says: &'static str,
}

pub(crate) const fn refused(exit: i32, code: &'static str, says: &'static str) -> Expected {
    Expected { exit, code, says }
}

/// Checks one run: the exit code, one error with one hint, and no word of the program's inside.
pub(crate) fn check(what: &str, ran: &Ran, expected: &Expected) -> Result<()> {
    let said = &ran.stderr;
    let of = || format!("{what}: {}", ran.transcript());
    ensure!(
        ran.code == Some(expected.exit),
        "exit {} expected\n{}",
        expected.exit,
        of()
    );
    let error = format!("error[{}]: ", expected.code);
    ensure!(said.contains(&error), "no {error:?}\n{}", of());
    ensure!(
        said.matches("error[").count() == 1,
        "more than one error\n{}",
        of()
    );
    let hints = said
        .lines()
        .filter(|line| line.starts_with("hint: "))
        .count();
    ensure!(hints == 1, "{hints} hints\n{}", of());
    ensure!(
        said.contains(expected.says),
        "no {:?}\n{}",
        expected.says,
        of()
    );
    for inside in ["panicked", "RUST_BACKTRACE", "Os {", "Error {", "status:"] {
        ensure!(!said.contains(inside), "{inside:?} is for nobody\n{}", of());
    }
    Ok(())
}

/// A world with a session that has said something.
fn begun() -> Result<(World, String)> {
    let world = World::shop()?;
    world.run(&["ask", "Shop"])?.expect(0)?;
    let session = world.last_session()?;
    Ok((world, session))
}

/// Runs each input in the session, checks it, and finds session and files as they were.
fn check_all(world: &World, session: &str, inputs: &[(&[&str], Expected)]) -> Result<()> {
    let before = world.files()?;
    for (args, expected) in inputs {
        let what = args.join(" ");
        let ran = world.run(&[args, &["--session", session][..]].concat())?;
        check(&what, &ran, expected)?;
        let json = world.run(&[args, &["--session", session, "--json"][..]].concat())?;
        ensure!(
            json.code == Some(expected.exit),
            "{what} --json: {}",
            json.transcript()
        );
        ensure!(
            json.stdout.lines().all(|line| line.starts_with('{')),
            "{what} --json: not JSON\n{}",
            json.stdout
        );
        world.check_whole(session).context(what)?;
    }
    ensure!(world.files()? == before, "a refusal changed a file");
    Ok(())
}

#[test]
fn unknown_commands_and_wrong_words() -> Result<()> {
    let (world, session) = begun()?;
    let usage = |says| refused(2, "usage", says);
    check_all(
        &world,
        &session,
        &[
            (&["expalin"], usage("'explain'")),
            (&["explain", "cod", "Shop"], usage("'code'")),
            (&["ask", "--frobnicate", "why"], usage("--frobnicate")),
            (&["ask", ""], usage("the question is empty")),
            (&["ask"], usage("TEXT")),
            (
                &["create", "module", "shop"],
                usage("'shop' is not the name"),
            ),
            (
                &["create", "module", "Shop.A", "--kind", "ghost"],
                usage("genserver"),
            ),
            (&["create", "token", "--expires-in", "soon"], usage("90m")),
            (
                &["refactor", "code", "rename-function", "plus", "add"],
                usage("Shop.Cart.sum/1"),
            ),
            (
                &["show", "session", "twelve"],
                usage("'twelve' is not the id"),
            ),
            (&["explain", "code", "what is this"], usage("names neither")),
        ],
    )
}

#[test]
fn files_that_are_no_source() -> Result<()> {
    let (world, session) = begun()?;
    world.write("lib/bin.ex", b"defmodule A do\0end")?;
    world.write("lib/latin.ex", b"# caf\xe9\n")?;
    // Sparse: 100 MB that cost no disk.
    File::create(world.project.join("lib/large.ex"))?.set_len(100 << 20)?;
    make_pipe(&world.project.join("lib/pipe.ex"))?;
    let (explain, analyze) = (["explain", "code"], ["analyze", "code"]);
    for (path, on_explain, on_analyze) in [
        (
            "lib/absent.ex",
            refused(1, "not_found", "lib/absent.ex"),
            "not_found",
        ),
        (
            "lib/shop.ex/x.ex",
            refused(1, "not_found", "lib/shop.ex/x.ex"),
            "not_found",
        ),
        (
            "lib/bin.ex",
            refused(1, "invalid_argument", "lib/bin.ex"),
            "invalid_argument",
        ),
        (
            "lib/latin.ex",
            refused(1, "invalid_argument", "lib/latin.ex"),
            "invalid_argument",
        ),
        (
            "lib/pipe.ex",
            refused(1, "invalid_argument", "not a regular file"),
            "invalid_argument",
        ),
        (
            "lib/large.ex",
            refused(4, "limit_reached", "104857600 bytes"),
            "limit_reached",
        ),
    ] {
        let for_analyze = refused(on_explain.exit, on_analyze, on_explain.says);
        let inputs: [(&[&str], Expected); 2] = [
            (&[explain[0], explain[1], path], on_explain),
            (&[analyze[0], analyze[1], path], for_analyze),
        ];
        check_all(&world, &session, &inputs)?;
    }
    check_all(
        &world,
        &session,
        &[
            (
                &["explain", "code", "lib"],
                refused(2, "usage", "is a directory"),
            ),
            (
                &["analyze", "code", "_build"],
                refused(1, "not_found", "_build"),
            ),
            (
                &["create", "tests", "lib/bin.ex", "--yes"],
                refused(1, "invalid_argument", "not text"),
            ),
        ],
    )?;
    the_rest_is_worked_on(&world)
}

/// What is left out is named, and the rest of the project answers.
fn the_rest_is_worked_on(world: &World) -> Result<()> {
    for args in [&["analyze", "code", "lib"][..], &["ask", "Shop.Price"]] {
        let ran = world.run(args)?;
        ran.expect(0)?;
        for left_out in ["lib/bin.ex", "lib/latin.ex", "lib/large.ex"] {
            ensure!(ran.stderr.contains(left_out), "{args:?}: {}", ran.stderr);
        }
    }
    Ok(())
}

fn make_pipe(path: &Path) -> Result<()> {
    run_to_end(Command::new("mkfifo").arg(path))?.expect(0)?;
    Ok(())
}

#[test]
fn paths_out_of_the_project() -> Result<()> {
    let (world, session) = begun()?;
    let secret = world.home.path().join("secret.ex");
    std::fs::write(&secret, "defmodule Secret do\nend\n")?;
    symlink(&secret, world.project.join("lib/link.ex"))?;
    symlink(world.home.path(), world.project.join("lib/out"))?;
    let absolute = secret.to_str().context("a path")?;
    let outside = || refused(3, "permission_denied", "is outside the project");
    check_all(
        &world,
        &session,
        &[
            (&["explain", "code", "../secret.ex"], outside()),
            (&["explain", "code", "lib/../../secret.ex"], outside()),
            (&["explain", "code", absolute], outside()),
            (&["explain", "code", "/etc/passwd"], outside()),
            (&["explain", "code", "lib/link.ex"], outside()),
            (&["explain", "code", "lib/out/secret.ex"], outside()),
            (&["create", "tests", "../secret.ex", "--yes"], outside()),
            (&["create", "tests", "lib/link.ex", "--yes"], outside()),
        ],
    )?;
    // Links inside a directory are not followed, neither for analysis nor for the index.
    let report = world.document(&["analyze", "code", "lib"])?;
    ensure!(
        !report.to_string().contains("Secret"),
        "a link was followed: {report}"
    );
    let asked = world.run(&["ask", "Secret"])?;
    ensure!(!asked.expect(0)?.contains("defmodule"), "{}", asked.stdout);
    ensure!(
        asked.stdout.contains("Nothing in the index"),
        "{}",
        asked.stdout
    );
    Ok(())
}

#[test]
fn a_file_that_may_not_be_read() -> Result<()> {
    let (world, session) = begun()?;
    let locked = world.project.join("lib/locked.ex");
    std::fs::write(&locked, "defmodule Locked do\nend\n")?;
    std::fs::set_permissions(&locked, Permissions::from_mode(0o000))?;
    for verb in ["explain", "analyze"] {
        let args = [verb, "code", "lib/locked.ex", "--session", &session];
        let ran = without_privileges(&world.cli()?, &args)?;
        let expected = refused(3, "permission_denied", "Permission denied");
        check(verb, &ran, &expected)?;
    }
    let asked = without_privileges(&world.cli()?, &["ask", "Shop.Price"])?;
    asked.expect(0)?;
    ensure!(
        asked.stderr.contains("lib/locked.ex is left out"),
        "{}",
        asked.stderr
    );
    world.check_whole(&session)
}

/// Root reads everything; in a user namespace of its own it is an owner like any other.
fn without_privileges(cli: &CommandLine, args: &[&str]) -> Result<Ran> {
    let direct = cli.command(args)?;
    let mut command = Command::new("unshare");
    command.arg("--user").arg(direct.get_program());
    command.args(direct.get_args()).env_clear();
    for (name, value) in direct.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    if let Some(directory) = direct.get_current_dir() {
        command.current_dir(directory);
    }
    run_to_end(command.stdin(std::process::Stdio::null()))
}

#[test]
fn elixir_that_does_not_parse() -> Result<()> {
    let (world, session) = begun()?;
    world.write("lib/broken.ex", "defmodule Broken do\n  def a(x do\nend\n")?;
    let ran = world.run(&["explain", "code", "lib/broken.ex"])?;
    let text = ran.expect(0)?;
    ensure!(
        text.contains("does not parse") && text.contains("(lib/broken.ex:"),
        "{text}"
    );
    let ran = world.run(&["analyze", "code", "lib/broken.ex"])?;
    ran.expect(6)?;
    let told =
        ran.stderr.contains("does not parse: lib/broken.ex:") && ran.stderr.contains("hint:");
    ensure!(
        told && ran.stdout.contains("Broken"),
        "{}",
        ran.transcript()
    );
    world.run(&["analyze", "code", "lib"])?.expect(0)?;
    let before = world.files()?;
    for args in [
        &["create", "tests", "Broken", "--yes"][..],
        &[
            "refactor",
            "code",
            "rename-function",
            "Broken.a/1",
            "b",
            "--yes",
        ],
    ] {
        let ran = world.run(&[args, &["--session", &session][..]].concat())?;
        ensure!(
            matches!(ran.code, Some(1 | 6)),
            "{args:?}: {}",
            ran.transcript()
        );
        ensure!(
            ran.stderr.contains("hint:"),
            "{args:?}: {}",
            ran.transcript()
        );
        world.check_whole(&session)?;
    }
    ensure!(world.files()? == before, "a refusal changed a file");
    Ok(())
}

#[test]
fn text_from_stdin_and_arguments_that_are_no_text() -> Result<()> {
    let (world, session) = begun()?;
    let file = world.home.path().join("stdin");
    for (what, content, expected) in [
        ("latin 1", b"caf\xe9".to_vec(), refused(2, "usage", "UTF-8")),
        (
            "2 MiB",
            vec![b'a'; 2 << 20],
            refused(4, "limit_reached", "1048576 bytes"),
        ),
        (
            "nothing",
            Vec::new(),
            refused(2, "usage", "the question is empty"),
        ),
    ] {
        std::fs::write(&file, content)?;
        let mut command = world.cli()?.command(["ask", "-", "--session", &session])?;
        let ran = run_to_end(command.stdin(File::open(&file)?))?;
        check(what, &ran, &expected)?;
    }
    let no_text = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let ran = world.cli()?.run([std::ffi::OsStr::new("ask"), no_text])?;
    check("an argument", &ran, &refused(2, "usage", "UTF-8"))?;
    world.check_whole(&session)
}

#[test]
fn tokens_that_open_nothing() -> Result<()> {
    let (world, session) = begun()?;
    let made = world.document(&["create", "token", "--role", "developer"])?;
    let revoked = made["token"].as_str().context("no token")?.to_owned();
    let id = made["info"]["token_id"]
        .as_str()
        .context("no id")?
        .to_owned();
    let viewer = world.document(&["create", "token", "--role", "viewer"])?;
    let viewer = viewer["token"].as_str().context("no token")?.to_owned();
    let developer = world.cli()?.with_token(Some(&revoked));
    developer.run(["ask", "Shop"])?.expect(0)?;
    world.run(&["revoke", "token", &id])?.expect(0)?;
    let mistyped = mistyped(&world.node.token()?);
    let unknown = || refused(3, "unauthenticated", "token");
    for (what, token, expected) in [
        ("missing", None, refused(3, "unauthenticated", "no token")),
        ("of another form", Some("hunter2"), unknown()),
        ("with a space", Some("aiex_1 2"), unknown()),
        ("mistyped", Some(mistyped.as_str()), unknown()),
        ("revoked", Some(revoked.as_str()), unknown()),
        (
            "of a viewer",
            Some(viewer.as_str()),
            refused(3, "permission_denied", ""),
        ),
    ] {
        let cli = world.cli()?.with_token(token);
        let ran = cli.run(["ask", "--session", &session, "Shop"])?;
        check(what, &ran, &expected)?;
        let secret = token.is_some_and(|token| ran.stderr.contains(token));
        ensure!(!secret, "{what}: the token is shown: {}", ran.stderr);
        ensure!(
            !ran.stderr.contains("aiex login"),
            "there is no such verb: {}",
            ran.stderr
        );
        world.check_whole(&session).context(what)?;
    }
    Ok(())
}

#[test]
fn configuration_with_a_wrong_key() -> Result<()> {
    let (world, session) = begun()?;
    let ask = ["ask", "--session", &session, "Shop"];
    let user = world.home.path().join("home/.config/aiex/config.toml");
    let project = world.project.join(".aiex.toml");
    std::fs::create_dir_all(user.parent().context("a directory")?)?;
    let usage = |says| refused(2, "usage", says);
    for (file, text, expected) in [
        (&user, "endpont = \"x\"", usage("unknown key 'endpont'")),
        (&user, "endpoint = 5", usage("key 'endpoint'")),
        (&user, "endpoint = ", usage("config.toml")),
        (&user, "token = \"hunter2\"", usage("is not a reference")),
        (&project, "exlude = []", usage("unknown key 'exlude'")),
        (
            &project,
            "endpoint = \"evil:1\"",
            usage("unknown key 'endpoint'"),
        ),
        (
            &project,
            "allow_unsandboxed = true",
            usage("'allow_unsandboxed'"),
        ),
    ] {
        std::fs::write(file, text)?;
        let ran = world.run(&ask)?;
        check(text, &ran, &expected)?;
        let shown = file.to_str().context("a path")?;
        ensure!(
            ran.stderr.contains(shown),
            "{text}: which file? {}",
            ran.stderr
        );
        ensure!(
            !ran.stderr.contains("hunter2"),
            "a secret is shown: {}",
            ran.stderr
        );
        std::fs::remove_file(file)?;
        world.check_whole(&session).context(text)?;
    }
    let mut command = world.cli()?.command(ask)?;
    let ran = run_to_end(command.env("AIEX_CONFIG", "/nowhere/config.toml"))?;
    check("AIEX_CONFIG", &ran, &usage("/nowhere/config.toml"))?;
    let nobody = world.cli()?.with_endpoint(Some("127.0.0.1:1"));
    check(
        "nobody",
        &nobody.run(ask)?,
        &refused(7, "unavailable", "127.0.0.1:1"),
    )?;
    let wrong = world.cli()?.with_endpoint(Some("htp:/x"));
    check("endpoint", &wrong.run(ask)?, &usage("htp:/x"))?;
    world.check_whole(&session)
}

#[test]
fn a_home_that_cannot_be_written() -> Result<()> {
    let (world, session) = begun()?;
    let empty = world.home.path().join("read_only");
    std::fs::create_dir(&empty)?;
    let direct = world
        .cli()?
        .command(["ask", "--session", &session, "Shop"])?;
    let mut command = crate::bad_node::on_read_only(&empty, direct);
    let ran = run_to_end(command.env("HOME", &empty))?;
    check(
        "home",
        &ran,
        &refused(3, "permission_denied", "Read-only file system"),
    )?;
    world.check_whole(&session)
}
