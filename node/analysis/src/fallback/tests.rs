//! Damaged texts and what is still found.

use crate::analyze::analyze_file;
use crate::chunk::{ChunkKind, ParserUsed};

/// Lists functions and tests found in a text, in order.
fn found(text: &str) -> Vec<String> {
    let analysis = analyze_file("a.ex", text);
    let mut names: Vec<String> = analysis
        .chunks
        .iter()
        .filter_map(|chunk| match &chunk.kind {
            ChunkKind::Function { .. } => Some(format!(
                "{}.{}/{}..{}",
                chunk.module, chunk.name, chunk.arity.0, chunk.arity.1
            )),
            ChunkKind::Test { description } => Some(format!("{} {description}", chunk.module)),
            _ => None,
        })
        .collect();
    names.sort();
    names
}

fn check(text: &str, expected: &[&str]) {
    let analysis = analyze_file("a.ex", text);
    assert!(
        analysis.has_error && analysis.parser == ParserUsed::Fallback,
        "the text is meant to be broken"
    );
    assert_eq!(found(text), expected, "{text}");
}

#[test]
fn a_missing_end_costs_nothing() {
    check(
        "defmodule A do\n  def a(x) do\n    if x do\n      1\n  end\n\n  def b(y, z \\\\ 2), do: y + z\n\n  defmodule In do\n    defp c(%{k: [1, 2]}, \"a,b\", ?,), do: 1\n  end\nend\n",
        &["A.In.c/3..3", "A.a/1..1", "A.b/1..2"],
    );
}

#[test]
fn a_cut_file_keeps_its_head() {
    check(
        "defmodule A do\n  def a, do: 1\n  def b(x) do\n    x +",
        &["A.a/0..0", "A.b/1..1"],
    );
}

#[test]
fn heredocs_hold_no_code() {
    check(
        "defmodule A do\n  @doc \"\"\"\n  def no(x)\n  \"\"\"\n  def a do\n    foo(\n  end\n  def b, do: 1\nend\n",
        &["A.a/0..0", "A.b/0..0"],
    );
}

#[test]
fn tests_and_implementations_survive() {
    check(
        "defmodule ATest do\n  use ExUnit.Case\n  describe \"x\" do\n    test \"one\" do\n      assert (\n    end\n    test \"two\", do: assert true\n  end\n  test \"three\" do\n  end\nend\ndefimpl P, for: [A, B] do\n  def p(x), do: x\nend\n",
        &["ATest three", "ATest x one", "ATest x two", "P.A.p/1..1"],
    );
}

#[test]
fn calls_of_whole_statements_are_kept() {
    let text = "defmodule A do\n  alias B.C\n  def a, do: C.go(1)\n  def b do\n    (\n  end\nend\n";
    let analysis = analyze_file("a.ex", text);
    assert!(
        analysis
            .calls
            .iter()
            .any(|call| call.module.as_deref() == Some("B.C") && call.function == "go")
    );
    let parsers: Vec<ParserUsed> = analysis
        .chunks
        .iter()
        .filter(|chunk| matches!(chunk.kind, ChunkKind::Function { .. }))
        .map(|chunk| chunk.parser)
        .collect();
    assert_eq!(parsers, [ParserUsed::TreeSitter, ParserUsed::Fallback]);
}
