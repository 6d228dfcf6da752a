//! Real Mix in the real sandbox: commands, escapes, verification and test runs.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub, dead_code)]

#[path = "kit/project.rs"]
mod project;

use std::{fs, net::TcpListener, os::unix::process::CommandExt, process::Command};

use aiex_tools::{Policy, RunStatus, ToolStatus, sandbox::Tier};
use project::{Project, steps};
use serde_json::json;

#[test]
fn the_best_tier_is_proved_here() {
    let project = Project::new();
    let found = project.executor.capabilities();
    assert!(found.elixir_available, "Elixir is needed; run tests/setup");
    assert_eq!(
        found.sandbox_tier,
        Tier::Bubblewrap,
        "bubblewrap is needed; run tests/setup: {}",
        found.sandbox_note
    );
    assert_eq!(found.tools.len(), 9);
}

#[test]
fn mix_test_runs_inside_and_leaves_no_build_in_the_tree() {
    let project = Project::new();
    let outcome = project.run("run_command", json!({"argv": ["mix", "test"]}));
    assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
    assert!(
        outcome.output.contains("1 doctest, 1 test, 0 failures"),
        "{}",
        outcome.output
    );
    assert_eq!(outcome.accesses[0].reason, "sandbox: bubblewrap");
    assert!(!project.path("_build").exists());
    let made = project.run(
        "run_command",
        json!({"argv": ["elixir", "-e", "File.write!(\"lib/new.ex\", \"x\"); File.rm!(\"README.md\"); File.mkdir!(\".git\")"]}),
    );
    assert!(
        made.output
            .contains("[create lib/new.ex]\n[delete README.md]\n[the command made a .git"),
        "{}",
        made.output
    );
    assert_eq!(made.changes.len(), 2);
    assert!(made.changes[1].before.is_some() && made.changes[1].after.is_none());
    let failing = project.run("run_command", json!({"argv": ["mix", "no.such.task"]}));
    assert_eq!(failing.status, ToolStatus::Failed);
    assert!(
        failing.output.starts_with("exit 1 after"),
        "{}",
        failing.output
    );
}

/// Each probe prints what it reached; the control lines prove that the probe itself works.
#[test]
fn nothing_outside_is_reached() {
    let project = Project::new();
    project.put(".git/config", "[core]\n");
    project.put("deps/inner/.git/config", "[core]\n");
    fs::write(project.outside("secret"), "s3cret").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let pid = std::process::id();
    let (secret, ledger) = (
        project.outside("secret"),
        project.outside("state/ledger.current"),
    );
    let script = format!(
        r#"
        say = fn what, ok -> if ok, do: IO.puts("reached #{{what}}") end
        ok? = fn result -> match?({{:ok, _}}, result) or result == :ok end
        say.("control write", ok?.(File.write("lib/control", "x")))
        say.("control read", ok?.(File.read("mix.exs")))
        {{:ok, l}} = :gen_tcp.listen(0, ip: {{127, 0, 0, 1}})
        {{:ok, p}} = :inet.port(l)
        say.("control loopback", ok?.(:gen_tcp.connect({{127, 0, 0, 1}}, p, [])))
        say.("secret", ok?.(File.read({secret:?})))
        say.("ledger", ok?.(File.read({ledger:?})))
        say.("link", (File.ln_s({secret:?}, "lib/link"); ok?.(File.read("lib/link"))))
        # may succeed in the private /tmp, which reaches nothing: looked at from outside below
        File.write({secret:?}, "x")
        say.("git write", ok?.(File.write(".git/config", "x")) or ok?.(File.write(".git/hooks-new", "x")))
        say.("inner git write", ok?.(File.write("deps/inner/.git/config", "x")))
        say.("git rename", ok?.(File.rename(".git", "git2")))
        say.("root home", ok?.(File.ls("/root")) or ok?.(File.ls("/home")))
        say.("shadow", ok?.(File.read("/etc/shadow")))
        say.("usr write", ok?.(File.write("/usr/aiex", "x")))
        say.("host loopback", ok?.(:gen_tcp.connect({{127, 0, 0, 1}}, {port}, [], 500)))
        say.("internet", ok?.(:gen_tcp.connect({{1, 1, 1, 1}}, 53, [], 500)))
        say.("process", match?({{_, 0}}, System.cmd("sh", ["-c", "kill -0 {pid}"], stderr_to_stdout: true)))
        say.("environment", System.get_env("CARGO_TARGET_DIR") != nil or System.get_env("PLANTED") != nil)
        say.("user namespace", match?({{_, 0}}, System.cmd("unshare", ["-Ur", "true"], stderr_to_stdout: true)))
        say.("mount", match?({{_, 0}}, System.cmd("mount", ["-t", "tmpfs", "x", "/tmp"], stderr_to_stdout: true)))
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
        [
            "reached control write",
            "reached control read",
            "reached control loopback",
            "done"
        ],
        "{}",
        outcome.output
    );
    assert_eq!(
        fs::read_to_string(project.outside("secret")).unwrap(),
        "s3cret"
    );
    assert_eq!(project.text(".git/config"), "[core]\n");
}

#[test]
fn a_command_past_its_limit_is_stopped_with_all_its_processes() {
    let project = Project::new();
    let script =
        "Port.open({:spawn, \"sleep 4217\"}, []); IO.puts(:ready); Process.sleep(:infinity)";
    let outcome = project.run(
        "run_command",
        json!({"argv": ["elixir", "-e", script], "timeout_ms": 1500}),
    );
    assert_eq!(outcome.status, ToolStatus::Failed);
    assert!(
        outcome.output.contains("stopped at the time limit"),
        "{}",
        outcome.output
    );
    let left = fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        fs::read(entry.path().join("cmdline")).is_ok_and(|line| line.starts_with(b"sleep\x004217"))
    });
    assert!(!left, "a process outlived its sandbox");
}

#[test]
fn a_good_edit_climbs_the_whole_ladder_and_is_formatted() {
    let project = Project::new();
    let before = project.text("lib/demo.ex");
    let edit = json!({"path": "lib/demo.ex", "edits": [{"old": "    :world\n  end\n", "new": "    :world\n  end\n\n  def twice( n ),   do: n*2\n"}]});
    let outcome = project.run("edit_file", edit);
    let verdict = outcome.verdict.as_ref().unwrap();
    assert_eq!(
        steps(verdict),
        "parse=passed format=passed compile=passed tests=passed",
        "{}",
        outcome.output
    );
    assert!(
        verdict.steps[3].detail.contains("0 failures"),
        "{verdict:?}"
    );
    assert!(
        project
            .text("lib/demo.ex")
            .contains("  def twice(n), do: n * 2\n"),
        "{}",
        outcome.output
    );
    assert_eq!(outcome.changes[0].before.as_deref(), Some(before.as_str()));
    assert_eq!(
        outcome.changes[0].after,
        Some(project.text("lib/demo.ex")),
        "the answer holds the formatted text"
    );
}

#[test]
fn each_rung_can_fail() {
    let project = Project::new();
    let replace =
        |old: &str, new: &str| json!({"path": "lib/demo.ex", "edits": [{"old": old, "new": new}]});
    let broken = project.run(
        "edit_file",
        replace("  def hello do\n", "  def hello do do\n"),
    );
    assert_eq!(
        steps(broken.verdict.as_ref().unwrap()),
        "parse=failed format=skipped compile=skipped tests=skipped"
    );
    assert_eq!(broken.status, ToolStatus::Ok, "the edit itself is done");
    let back = project.run("edit_file", replace("do do", "do"));
    assert!(
        steps(back.verdict.as_ref().unwrap()).ends_with("tests=passed"),
        "{}",
        back.output
    );

    let undefined = project.run(
        "edit_file",
        replace("hello do\n    :world\n", "hello do\n    nope(1)\n"),
    );
    let verdict = undefined.verdict.as_ref().unwrap();
    assert_eq!(
        steps(verdict),
        "parse=passed format=passed compile=failed tests=skipped"
    );
    assert!(
        verdict.steps[2]
            .detail
            .contains("undefined function nope/1"),
        "{verdict:?}"
    );

    let wrong = project.run("edit_file", replace("    nope(1)\n", "    :moon\n"));
    let verdict = wrong.verdict.as_ref().unwrap();
    assert_eq!(
        steps(verdict),
        "parse=passed format=passed compile=passed tests=failed"
    );
    assert!(
        verdict.steps[3].detail.contains("2 failures"),
        "{verdict:?}"
    );

    project.put("lib/odd.ex", "defmodule   Odd do\nend\n");
    let odd = project.run("edit_file", json!({"path": "lib/odd.ex", "edits": [{"old": "Odd do\n", "new": "Odd do\n  def x, do: 1\n"}]}));
    let verdict = odd.verdict.as_ref().unwrap();
    assert_eq!(
        steps(verdict),
        "parse=passed format=skipped compile=passed tests=skipped",
        "{}",
        odd.output
    );
    assert_eq!(
        project.text("lib/odd.ex"),
        "defmodule   Odd do\n  def x, do: 1\nend\n",
        "an unformatted file is not reformatted"
    );
}

#[test]
fn without_a_project_or_elixir_source_steps_are_skipped_loudly() {
    let project = Project::bare();
    let outcome = project.run(
        "write_file",
        json!({"path": "a.exs", "content": "IO.puts( 1 )\n"}),
    );
    assert_eq!(
        steps(outcome.verdict.as_ref().unwrap()),
        "parse=passed format=passed compile=skipped tests=skipped",
        "{}",
        outcome.output
    );
    assert_eq!(project.text("a.exs"), "IO.puts(1)\n");
    assert!(
        outcome
            .output
            .contains("compile skipped: there is no mix.exs"),
        "{}",
        outcome.output
    );
    let text = project.run("write_file", json!({"path": "notes.md", "content": "x"}));
    assert_eq!(
        steps(text.verdict.as_ref().unwrap()),
        "parse=skipped format=skipped compile=skipped tests=skipped"
    );
    let verified = project.run("verify", json!({"paths": ["a.exs"]}));
    assert_eq!(verified.status, ToolStatus::Ok, "{}", verified.output);
}

#[test]
fn tests_run_in_a_copy_and_report_each_test_in_each_run() {
    let project = Project::new();
    let content = r#"
defmodule DemoGeneratedTest do
  use ExUnit.Case, async: true

  describe "hello/0" do
    test "says \"world\"\\" do
      assert Demo.hello() == :world
    end
  end

  test "fails" do
    assert Demo.hello() == :moon
  end

  test "depends on the seed" do
    assert ExUnit.configuration()[:seed] == 2
  end

  @tag :skip
  test "is skipped", do: flunk()
end
"#;
    let report = project.report(
        json!({"path": "test/demo_generated_test.exs", "content": content, "seeds": [1, 2]}),
    );
    assert!(report.compiled, "{report:?}");
    let by_name = |name: &str| {
        report
            .tests
            .iter()
            .find(|test| test.name.contains(name))
            .unwrap()
    };
    assert_eq!(by_name("says").states, ["passed", "passed"]);
    assert_eq!(
        (by_name("says").describe.as_deref(), by_name("says").line),
        (Some("hello/0"), 6)
    );
    assert_eq!(by_name("says").name, "test hello/0 says \"world\"\\");
    assert_eq!(by_name("fails").states, ["failed", "failed"]);
    assert!(
        by_name("fails").message.as_ref().unwrap().contains(":moon"),
        "{report:?}"
    );
    assert_eq!(by_name("depends").states, ["failed", "passed"]);
    assert_eq!(by_name("skipped").states, ["skipped", "skipped"]);
    assert_eq!(
        report.runs.iter().map(|run| run.status).collect::<Vec<_>>(),
        [RunStatus::Failed; 2]
    );
    assert!(
        !project.path("test/demo_generated_test.exs").exists(),
        "the user's tree must stay as it is"
    );
    assert!(!project.path("_build").exists());
}

#[test]
fn test_files_that_do_not_compile_or_end_say_so() {
    let project = Project::new();
    let run = |content: &str, timeout: u64| {
        project.report(json!({"path": "test/x_test.exs", "content": content, "seeds": [1, 2], "timeout_ms": timeout}))
    };
    let broken = run(
        "defmodule XTest do\n  use ExUnit.Case\n  test \"x\", do: nope()\nend\n",
        60_000,
    );
    assert_eq!(
        (broken.compiled, broken.runs.len(), broken.runs[0].status),
        (false, 1, RunStatus::DidNotRun)
    );
    assert!(
        broken.diagnostics.contains("undefined function nope/0"),
        "{broken:?}"
    );
    let setup = run(
        "defmodule XTest do\n  use ExUnit.Case\n  setup_all do\n    raise \"no\"\n  end\n  test \"x\", do: :ok\nend\n",
        60_000,
    );
    assert!(
        setup.compiled && setup.diagnostics.contains("(RuntimeError) no"),
        "{setup:?}"
    );
    let endless = run(
        "defmodule XTest do\n  use ExUnit.Case\n  test \"x\", do: Process.sleep(:infinity)\nend\n",
        2_000,
    );
    assert_eq!(endless.runs[0].status, RunStatus::TimedOut, "{endless:?}");
    let writes = "defmodule XTest do\n  use ExUnit.Case\n  test \"x\" do\n    File.write!(\"lib/demo.ex\", \"\")\n    File.rm_rf!(\"test\")\n  end\nend\n";
    assert!(run(writes, 60_000).passed());
    assert!(
        project.text("lib/demo.ex").contains("hello")
            && project.path("test/demo_test.exs").exists()
    );
    let outcome = Project::bare().run(
        "run_tests",
        json!({"path": "test/x_test.exs", "content": ""}),
    );
    assert!(outcome.output.contains("no mix.exs"), "{}", outcome.output);
}

#[test]
fn present_dependencies_work_offline() {
    let project = Project::new();
    project.put("deps/dep/mix.exs", "defmodule Dep.MixProject do\n  use Mix.Project\n  def project, do: [app: :dep, version: \"0.1.0\"]\nend\n");
    project.put(
        "deps/dep/lib/dep.ex",
        "defmodule Dep do\n  def one, do: 1\nend\n",
    );
    let mixfile = project.text("mix.exs").replace(
        "    [\n      # {:dep_from_hexpm",
        "    [\n      {:dep, path: \"deps/dep\"}\n      # {:dep_from_hexpm",
    );
    project.put("mix.exs", &mixfile);
    let outcome = project.run("edit_file", json!({"path": "lib/demo.ex", "edits": [{"old": "do\n    :world\n", "new": "do\n    if Dep.one() == 1, do: :world\n"}]}));
    assert!(
        steps(outcome.verdict.as_ref().unwrap()).ends_with("compile=passed tests=passed"),
        "{}",
        outcome.output
    );
    let test =
        "defmodule DepTest do\n  use ExUnit.Case\n  test \"one\", do: assert Dep.one() == 1\nend\n";
    let report = project.report(json!({"path": "test/dep_test.exs", "content": test}));
    assert!(report.passed(), "{report:?}");
}

#[test]
fn what_tests_print_is_reported() {
    let project = Project::new();
    let test = "defmodule PTest do\n  use ExUnit.Case\n  test \"p\", do: IO.puts(\"{\\\"probe\\\": 1}\")\nend\n";
    let report = project.report(json!({"path": "test/p_test.exs", "content": test}));
    assert!(
        report.printed.lines().any(|line| line == "{\"probe\": 1}"),
        "{report:?}"
    );
}

#[test]
fn without_a_sandbox_commands_are_refused_unless_named() {
    let refusing = Project::with_policy(Policy {
        sandbox: Some(Tier::None),
        allow_unsandboxed: true,
        ..Policy::default()
    });
    let outcome = refusing.run("run_command", json!({"argv": ["mix", "help"]}));
    assert_eq!(outcome.status, ToolStatus::Denied);
    assert!(
        outcome.output.contains("allow_unsandboxed") && outcome.accesses[0].decision == "denied",
        "{}",
        outcome.output
    );
    let edit = refusing.run(
        "write_file",
        json!({"path": "lib/a.ex", "content": "defmodule A do\nend\n"}),
    );
    assert_eq!(
        steps(edit.verdict.as_ref().unwrap()),
        "parse=passed format=skipped compile=skipped tests=skipped"
    );
    let open = Project::with_policy(Policy {
        sandbox: Some(Tier::Unsandboxed),
        allow_unsandboxed: true,
        ..Policy::default()
    });
    let outcome = open.run("run_command", json!({"argv": ["mix", "test"]}));
    assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
    assert_eq!(outcome.accesses[0].reason, "sandbox: unsandboxed");
}

/// Runs this program again as an ordinary user; in a suite not run by root that is already so.
#[test]
fn works_as_an_ordinary_user() {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(place.path(), open).unwrap();
    let output = Command::new(&program)
        .args([
            "--exact",
            "nothing_outside_is_reached",
            "a_good_edit_climbs_the_whole_ladder_and_is_formatted",
            "--test-threads=1",
        ])
        .env("TMPDIR", &home)
        .current_dir(&home)
        .gid(NOBODY)
        .uid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("2 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
