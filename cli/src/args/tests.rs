//! The command line as people type it, and the help as they read it.

use super::*;
use clap::CommandFactory as _;
use clap::error::ErrorKind;

fn parse_line(line: &str) -> Result<Cli, clap::Error> {
    parse(line.split(' ').map(OsString::from))
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_of_the_interface_is_understood() {
    for line in [
        "aiex ask why is it slow",
        "aiex ask --continue --yes and now",
        "aiex explain code Shop.Cart.total/1",
        "aiex analyze code lib --findings --stats --json",
        "aiex refactor code rename-function Shop.Cart.sum/1 total --dry-run",
        "aiex create module Shop.Cart --kind genserver",
        "aiex create tests Shop.Cart -n",
        "aiex create token --user ci --role viewer --role auditor --expires-in 30d",
        "aiex undo --yes",
        "aiex list sessions --everywhere",
        "aiex list models",
        "aiex list nodes --endpoint a:1,b:2",
        "aiex list shards",
        "aiex list tokens",
        "aiex show session --at 3",
        "aiex show context why",
        "aiex show node --quiet",
        "aiex show cluster",
        "aiex show local",
        "aiex resume session --yes",
        "aiex fork session 0199c1d2-0000-7000-8000-000000000000 --at 4",
        "aiex export session -o a.ndjson",
        "aiex import session a.ndjson",
        "aiex archive session --session 0199c1d2-0000-7000-8000-000000000000",
        "aiex revoke token t-1",
        "aiex start local",
        "aiex stop local",
        "aiex doctor --json",
        "aiex complete zsh",
        "aiex version",
        "aiex man out",
    ] {
        assert!(
            parse_line(line).is_ok(),
            "{line}: {}",
            parse_line(line).expect_err("refused")
        );
    }
}

#[test]
fn slips_are_refused_as_usage() {
    for (line, kind) in [
        ("aiex", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        (
            "aiex list",
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ),
        ("aiex lst sessions", ErrorKind::InvalidSubcommand),
        ("aiex list session", ErrorKind::InvalidSubcommand),
        ("aiex ask", ErrorKind::MissingRequiredArgument),
        ("aiex ask --contnue a", ErrorKind::UnknownArgument),
        (
            "aiex ask --continue --session s a",
            ErrorKind::ArgumentConflict,
        ),
        ("aiex create module A --kind class", ErrorKind::InvalidValue),
        (
            "aiex create token --expires-in soon",
            ErrorKind::ValueValidation,
        ),
        ("aiex complete tcsh", ErrorKind::InvalidValue),
        ("aiex --version", ErrorKind::DisplayVersion),
        ("aiex ask --help", ErrorKind::DisplayHelp),
    ] {
        assert_eq!(parse_line(line).expect_err(line).kind(), kind, "{line}");
    }
}

/// Short and long help of a command and of everything below it.
fn helps(command: &mut clap::Command, path: &str, all: &mut String) {
    all.push_str(&format!("━━ {path} -h\n{}\n", command.render_help()));
    all.push_str(&format!(
        "━━ {path} --help\n{}\n",
        command.render_long_help()
    ));
    for below in command
        .get_subcommands_mut()
        .filter(|below| !below.is_hide_set())
    {
        let path = format!("{path} {}", below.get_name());
        helps(below, &path, all);
    }
}

#[test]
fn the_help_is_what_it_was() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut all = String::new();
    helps(&mut command, "aiex", &mut all);
    let all: Vec<&str> = all.lines().map(str::trim_end).collect();
    insta::assert_snapshot!("help", all.join("\n"));
}
