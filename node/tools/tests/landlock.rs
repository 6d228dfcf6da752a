//! The Landlock tier, in a program of its own: it needs a `main` that can become a sandbox child.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    dead_code
)]

#[path = "kit/project.rs"]
mod project;

use std::{fs, net::TcpListener};

use aiex_tools::{Policy, ToolStatus, sandbox::Tier};
use project::{Project, steps};
use serde_json::json;

fn main() {
    aiex_tools::sandbox::reexec_main_if_child();
    for (name, test) in [
        (
            "nothing_outside_is_reached",
            nothing_outside_is_reached as fn(),
        ),
        ("mix_works", mix_works),
    ] {
        println!("test {name} ...");
        test();
    }
    println!("test result: ok. 2 passed");
}

fn project() -> Project {
    let project = Project::with_policy(Policy {
        sandbox: Some(Tier::Landlock),
        ..Policy::default()
    });
    let found = project.executor.capabilities();
    assert_eq!(found.sandbox_tier, Tier::Landlock, "{}", found.sandbox_note);
    project
}

fn nothing_outside_is_reached() {
    let project = project();
    project.put(".git/config", "[core]\n");
    fs::write(project.outside("secret"), "s3cret").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (secret, pid) = (project.outside("secret"), std::process::id());
    let script = format!(
        r#"
        say = fn what, ok -> if ok, do: IO.puts("reached #{{what}}") end
        ok? = fn result -> match?({{:ok, _}}, result) or result == :ok end
        say.("control write", ok?.(File.write("lib/control", "x")))
        say.("control read", ok?.(File.read("mix.exs")))
        say.("secret", ok?.(File.read({secret:?})))
        say.("outside write", ok?.(File.write({secret:?}, "x")))
        say.("git write", ok?.(File.write(".git/config", "x")))
        say.("shadow", ok?.(File.read("/etc/shadow")))
        say.("network", ok?.(:gen_tcp.connect({{127, 0, 0, 1}}, {port}, [], 500)))
        say.("datagrams", ok?.(:gen_udp.open(0)))
        say.("process", match?({{_, 0}}, System.cmd("sh", ["-c", "kill -0 {pid}"], stderr_to_stdout: true)))
        say.("user namespace", match?({{_, 0}}, System.cmd("unshare", ["-Ur", "true"], stderr_to_stdout: true)))
        IO.puts("done")
        "#
    );
    let outcome = project.run("run_command", json!({"argv": ["elixir", "-e", script]}));
    let lines: Vec<&str> = outcome
        .output
        .lines()
        .skip(1)
        .filter(|line| !line.starts_with('['))
        .collect();
    assert_eq!(
        lines,
        ["reached control write", "reached control read", "done"],
        "{}",
        outcome.output
    );
}

fn mix_works() {
    let project = project();
    let outcome = project.run("run_command", json!({"argv": ["mix", "test"]}));
    assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
    let edit = json!({"path": "lib/demo.ex", "edits": [{"old": "    :world\n  end\n", "new": "    :world\n  end\n\n  def one,   do: 1\n"}]});
    let outcome = project.run("edit_file", edit);
    assert_eq!(
        steps(outcome.verdict.as_ref().unwrap()),
        "parse=passed format=passed compile=passed tests=passed",
        "{}",
        outcome.output
    );
    let test = "defmodule OneTest do\n  use ExUnit.Case\n  test \"one\", do: assert Demo.one() == 1\nend\n";
    let report = project.report(json!({"path": "test/one_test.exs", "content": test}));
    assert!(report.passed(), "{report:?}");
    assert!(!project.path("test/one_test.exs").exists());
}
