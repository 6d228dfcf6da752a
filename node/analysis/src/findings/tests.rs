//! Each rule on what it must report and on what it must leave alone.

use super::{RULES, of_file};
use crate::analyze::analyze_file;
use crate::graph::CodeGraph;
use std::sync::Arc;

/// The findings of one rule as lines, on a file at a path.
fn lines(path: &str, rule: &str, text: &str) -> Vec<u32> {
    assert!(
        RULES.iter().any(|known| known.name == rule),
        "{rule} is a rule"
    );
    let file = Arc::new(analyze_file(path, text));
    assert!(!file.has_error, "the text parses: {text}");
    let graph = CodeGraph::build(std::slice::from_ref(&file));
    let found = of_file(&graph, &file, text);
    found
        .iter()
        .filter(|finding| finding.rule == rule)
        .map(|finding| finding.line)
        .collect()
}

/// Checks a module body: the module line is line 1.
fn check(rule: &str, body: &str, expected: &[u32]) {
    let text = format!("defmodule A do\n{body}\nend\n");
    assert_eq!(lines("lib/a.ex", rule, &text), expected, "{rule}: {text}");
}

#[test]
fn dynamic_atoms() {
    let rule = "dynamic_atom";
    check(rule, "def a(x), do: String.to_atom(x)", &[2]);
    check(rule, "def a(x), do: x |> String.to_atom()", &[2]);
    check(rule, "def a(x), do: Enum.map(x, &String.to_atom/1)", &[2]);
    check(rule, "def a(x), do: String.to_atom(\"a_#{x}\")", &[]);
    check(
        rule,
        "def a(x, ok), do: if(x in ok, do: String.to_atom(x))",
        &[],
    );
    check(rule, "def a, do: String.to_atom(\"a\")", &[]);
    check(rule, "def a(x), do: String.to_existing_atom(x)", &[]);
    check(rule, "defmacro a(x), do: String.to_atom(x)", &[]);
    assert_eq!(
        lines(
            "test/a_test.exs",
            rule,
            "defmodule A do\ndef a(x), do: String.to_atom(x)\nend"
        ),
        Vec::<u32>::new()
    );
}

#[test]
fn sleeping_tests() {
    let text = "defmodule A do\ntest \"a\" do\nProcess.sleep(100)\n:timer.sleep(5)\nProcess.sleep(:infinity)\nend\nend";
    assert_eq!(lines("test/a_test.exs", "sleep_in_test", text), [3, 4]);
    assert_eq!(lines("lib/a.ex", "sleep_in_test", text), Vec::<u32>::new());
}

#[test]
fn swallowed_exceptions() {
    let rule = "rescue_everything";
    let rescue = |clause: &str| format!("def a do\nb()\nrescue\n{clause}\nend");
    check(rule, &rescue("_ -> nil"), &[5]);
    check(rule, &rescue("_error -> nil"), &[5]);
    check(rule, &rescue("_ in ArgumentError -> nil"), &[]);
    check(rule, &rescue("e -> log(e)"), &[]);
    check(rule, &rescue("_ -> reraise(Oops, __STACKTRACE__)"), &[]);
    check(rule, "def a do\ncase b() do\n_ -> nil\nend\nend", &[]);
}

#[test]
fn nesting() {
    let nested = |levels: usize| {
        format!(
            "def a do\n{}x{}\nend",
            "if y do\n".repeat(levels),
            "\nend".repeat(levels)
        )
    };
    check("deep_nesting", &nested(4), &[6]);
    check("deep_nesting", &nested(3), &[]);
    let flat = "if y do\nx\nend\n".repeat(6);
    check("deep_nesting", &format!("def a do\n{flat}\nend"), &[]);
}

#[test]
fn size() {
    check(
        "large_function",
        &format!("def a do\n{}end", "b()\n".repeat(79)),
        &[2],
    );
    check(
        "large_function",
        &format!("def a do\n{}end", "b()\n".repeat(78)),
        &[],
    );
    let clauses = |count: usize| {
        (0..count)
            .map(|n| format!("{n} -> x\n"))
            .collect::<String>()
    };
    check(
        "complex_function",
        &format!("def a(x) do\ncase x do\n{}end\nend", clauses(26)),
        &[2],
    );
    check(
        "complex_function",
        &format!("def a(x) do\ncase x do\n{}end\nend", clauses(25)),
        &[],
    );
}

#[test]
fn missing_docs() {
    let module = |rest: &str| format!("@moduledoc \"A.\"\n@doc \"One.\"\ndef one, do: 1\n{rest}");
    check("missing_doc", &module("def two, do: 2"), &[5]);
    check("missing_doc", &module("@doc false\ndef two, do: 2"), &[]);
    check("missing_doc", &module("def one(x), do: x"), &[]);
    check("missing_doc", &module("@impl true\ndef two, do: 2"), &[]);
    check("missing_doc", &module("def init(x), do: x"), &[]);
    check(
        "missing_doc",
        "@moduledoc false\n@doc \"One.\"\ndef one, do: 1\ndef two, do: 2",
        &[],
    );
    check(
        "missing_doc",
        "@moduledoc \"A.\"\ndef one, do: 1\ndef two, do: 2",
        &[],
    );
}

#[test]
fn unused_functions() {
    let rule = "unused_private";
    check(rule, "defp a, do: 1", &[2]);
    check(rule, "defp a(0), do: 0\ndefp a(n), do: a(n - 1)", &[2]);
    check(rule, "def b, do: a()\ndefp a, do: 1", &[]);
    check(rule, "def b(x), do: x |> a\ndefp a(x), do: x", &[]);
    check(rule, "def b, do: &a/1\ndefp a(x), do: x", &[]);
    check(rule, "plug :a\ndefp a(c, _), do: c", &[]);
    check(
        rule,
        "def b, do: apply(__MODULE__, :a, [])\ndefp a, do: 1",
        &[],
    );
    check(
        rule,
        "defmacro b, do: quote(do: a())\ndefmacrop a, do: 1",
        &[],
    );
}

#[test]
fn self_calls() {
    let rule = "self_call";
    let server = |body: &str| {
        format!("use GenServer\ndef get, do: GenServer.call(__MODULE__, :get)\n{body}")
    };
    check(
        rule,
        &server("def handle_cast(_, s), do: GenServer.call(self(), :x)"),
        &[4],
    );
    check(
        rule,
        &server("def handle_info(_, s) do\nx = get()\n{:noreply, x}\nend"),
        &[5],
    );
    check(
        rule,
        &server("def handle_info(_, s) do\nTask.start(fn -> get() end)\n{:noreply, s}\nend"),
        &[],
    );
    check(
        rule,
        &server("def handle_info(_, s), do: GenServer.call(Other, :x)"),
        &[],
    );
    check(rule, &server("def twice, do: {get(), get()}"), &[]);
    check(
        rule,
        "def handle_cast(_, s), do: GenServer.call(self(), :x)",
        &[],
    );
}

#[test]
fn unhandled_messages() {
    let rule = "unhandled_message";
    let server = |body: &str| format!("use GenServer\n{body}");
    check(
        rule,
        &server("def init(_) do\nProcess.send_after(self(), :tick, 5)\n{:ok, 1}\nend"),
        &[4],
    );
    check(
        rule,
        &server("def init(pid) do\nProcess.monitor(pid)\n{:ok, 1}\nend"),
        &[4],
    );
    check(
        rule,
        &server(
            "def init(pid) do\nProcess.monitor(pid)\n{:ok, 1}\nend\ndef handle_info(_, s), do: s",
        ),
        &[],
    );
    check(
        rule,
        &server("def init(pid) do\nProcess.send_after(pid, :x, 1)\n{:ok, 1}\nend"),
        &[],
    );
    check(rule, "def init(pid), do: Process.monitor(pid)", &[]);
}

#[test]
fn bare_spawns() {
    let rule = "unsupervised_spawn";
    check(rule, "def a, do: spawn(fn -> :ok end)", &[2]);
    check(rule, "def a, do: spawn(M, :f, [])", &[2]);
    check(rule, "def a, do: spawn_link(fn -> :ok end)", &[]);
    check(rule, "def a, do: Tools.spawn(fn -> :ok end)", &[]);
    check(rule, "def a, do: spawn(1)\ndef spawn(x), do: x", &[]);
}

#[test]
fn combined_calls() {
    let rule = "combined_call";
    check(
        rule,
        "def a(x), do: x |> Enum.map(&b/1) |> Enum.join(\",\")",
        &[2],
    );
    check(
        rule,
        "def a(x), do: Enum.map(x, &b/1) |> Enum.into(%{})",
        &[2],
    );
    check(
        rule,
        "def a(x), do: x |> Enum.filter(&b/1) |> Enum.count()",
        &[2],
    );
    check(
        rule,
        "def a(x), do: x |> Enum.map(&b/1) |> Enum.filter(&c/1)",
        &[],
    );
    check(
        rule,
        "def a(x), do: x |> Enum.map(&b/1) |> Enum.into(%{}, &c/1)",
        &[],
    );
    check(
        rule,
        "def a(x), do: x |> Enum.filter(&b/1) |> Enum.count(&c/1)",
        &[],
    );
    check(
        rule,
        "def a(x), do: x |> Stream.map(&b/1) |> Enum.join()",
        &[],
    );
}

#[test]
fn rules_are_listed_once_in_order() {
    let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    assert!(RULES.iter().all(|rule| !rule.summary.is_empty()));
}
