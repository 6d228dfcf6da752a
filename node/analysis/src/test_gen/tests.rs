//! Proposals without Mix; what Mix says of them is in `tests/mix.rs`.

use super::*;
use crate::{CodeGraph, analyze_file};
use std::collections::BTreeMap;
use std::sync::Arc;

fn project(files: &[(&str, &str)]) -> (CodeGraph, BTreeMap<String, String>) {
    let sources: BTreeMap<String, String> = files
        .iter()
        .map(|(p, t)| ((*p).into(), (*t).into()))
        .collect();
    let analyses: Vec<_> = sources
        .iter()
        .map(|(path, text)| Arc::new(analyze_file(path, text)))
        .collect();
    (CodeGraph::build(&analyses), sources)
}

const SLUG: &str = r#"defmodule Shop.Slug do
  @type slug :: String.t()

  @doc """
  Makes a slug.

      iex> Shop.Slug.make("A b")
      "a-b"
  """
  @spec make(String.t()) :: slug()
  def make(text), do: text |> String.downcase() |> String.replace(" ", "-")

  @spec encode(integer()) :: binary()
  def encode(n), do: Integer.to_string(n)

  @spec decode(binary()) :: {:ok, integer()} | :error
  def decode(text) do
    case Integer.parse(text) do
      {n, ""} -> {:ok, n}
      _ -> :error
    end
  end

  def save(text), do: File.write!("x", text)

  def now, do: System.os_time()

  defp hidden, do: 1

  @impl true
  def init(_), do: {:ok, hidden()}
end
"#;

fn propose_slug() -> TestProposal {
    let (graph, sources) = project(&[("apps/shop/lib/shop/slug.ex", SLUG)]);
    propose(&graph, &sources, "Shop.Slug").expect("a proposal")
}

fn ids(proposal: &TestProposal) -> Vec<String> {
    proposal.tests.iter().map(|t| t.id.clone()).collect()
}

#[test]
fn proposes_in_the_mirrored_path_and_says_what_it_skips() {
    let proposal = propose_slug();
    assert_eq!(proposal.path, "apps/shop/test/shop/slug_test.exs");
    assert_eq!(
        ids(&proposal),
        [
            "make/1 doctest",
            "make/1 spec",
            "encode/1 relation 1",
            "encode/1 spec",
            "decode/1 spec"
        ]
    );
    let skipped: Vec<&str> = proposal
        .skipped
        .iter()
        .map(|s| s.function.as_str())
        .collect();
    assert_eq!(skipped, ["save/1", "init/1"]);
    assert_eq!(
        proposal.skipped[0].reason,
        "works on files (File.write!, line 24)"
    );
    assert!(
        proposal
            .calls
            .iter()
            .all(|c| !c.expression.contains("hidden") && !c.expression.contains("now"))
    );
}

#[test]
fn observations_narrow_and_widen() {
    let proposal = propose_slug();
    let answer = |call: &CandidateCall| -> (Outcome, String) {
        let text = match &call.purpose {
            Purpose::Compile { .. } => return (Outcome::Compiled, String::new()),
            Purpose::Row {
                expect: Expect::Value { text },
                ..
            } => format!("{{:ok, {text}}}"),
            Purpose::Row { row: 0, .. } => return (Outcome::Raised, "ArgumentError".into()),
            Purpose::Row { .. } => "\"x\"".into(),
            Purpose::Record { .. } if call.function == "decode/1" => "#PID<0.1.0>".into(),
            Purpose::Record { .. } => "\"v\"".into(),
        };
        (Outcome::Value, text)
    };
    let observations: Vec<Observation> = proposal
        .calls
        .iter()
        .map(|call| {
            let (outcome, text) = answer(call);
            Observation {
                id: call.id.clone(),
                outcome,
                text,
                stable: true,
                readable: true,
            }
        })
        .collect();
    let rows_before = rows(&proposal, "make/1 spec");
    let observed = with_observations(proposal, &observations);
    assert!(observed.calls.is_empty());
    assert_eq!(rows(&observed, "make/1 spec"), rows_before - 1);
    let relation = observed
        .tests
        .iter()
        .find(|t| t.origin == Origin::Relation)
        .expect("a relation");
    assert!(
        relation
            .body
            .contains("assert Slug.decode(Slug.encode(n)) == {:ok, n}"),
        "{}",
        relation.body
    );
    assert!(
        observed
            .tests
            .iter()
            .any(|t| t.origin == Origin::Characterisation && t.function == "make/1")
    );
    assert!(
        !observed
            .tests
            .iter()
            .any(|t| t.origin == Origin::Characterisation && t.function == "decode/1")
    );
    let text = render(&observed, &ids(&observed));
    assert!(text.starts_with("defmodule Shop.SlugTest do\n  use ExUnit.Case, async: true\n\n  alias Shop.Slug\n\n  doctest Shop.Slug, only: [make: 1]\n\n  describe \"make/1\" do\n"), "{text}");
    assert!(text.contains("    # Recorded from what the code gives today.\n    @tag :characterisation\n    test \"gives \\\"v\\\" for"), "{text}");
}

fn rows(proposal: &TestProposal, id: &str) -> usize {
    match proposal.tests.iter().find(|t| t.id == id).map(|t| &t.plan) {
        Some(Plan::Loop { rows, .. }) => rows.len(),
        _ => 0,
    }
}

#[test]
fn filter_keeps_only_what_always_passes() {
    let proposal = propose_slug();
    let result = |run, name: &str, passed| TestResult {
        run,
        name: name.into(),
        describe: None,
        passed,
        message: if passed {
            String::new()
        } else {
            "\n  Assertion failed\nmore".into()
        },
    };
    let mut results = Vec::new();
    for run in 0..3 {
        results.push(result(run, "test make/1 gives what its spec says", true));
        results.push(result(run, "doctest Shop.Slug.make/1 (1)", true));
        results.push(result(
            run,
            "test encode/1 gives what its spec says",
            run != 1,
        ));
        results.push(result(run, "test encode/1 is undone by decode/1", false));
    }
    let filtered = filter(&proposal, &results, 3);
    assert_eq!(filtered.kept, ["make/1 doctest", "make/1 spec"]);
    let reasons: Vec<&str> = filtered.dropped.iter().map(|d| d.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "failed: Assertion failed",
            "flaky: failed in run 2: Assertion failed",
            "did not run"
        ]
    );
}

#[test]
fn probe_lines_are_found_among_others() {
    let output = "....\n{\"aiex_probe\": \"a\", \"outcome\": \"value\", \"text\": \"\\\"x\\\"\", \"stable\": true, \"readable\": true}\n..{\"aiex_probe\": \"b\", \"outcome\": \"timed_out\", \"text\": \"\"}..\n{\"aiex_probe\": broken\n";
    let read = read_observations(output);
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].text.as_str(), read[0].stable), ("\"x\"", true));
    assert_eq!(read[1].outcome, Outcome::TimedOut);
}

#[test]
fn existing_tests_are_left_alone() {
    let (graph, sources) = project(&[
        ("lib/shop/slug.ex", SLUG),
        (
            "test/shop/slug_test.exs",
            "defmodule Shop.SlugTest do\n  use Shop.DataCase, async: true\n  test \"x\", do: assert Shop.Slug.make(\"text\") == \"text\"\nend\n",
        ),
        (
            "test/shop/b_test.exs",
            "defmodule Shop.BTest do\n  use Shop.DataCase, async: true\nend\n",
        ),
    ]);
    let proposal = propose(&graph, &sources, "Shop.Slug").expect("a proposal");
    assert_eq!(
        (proposal.path.as_str(), proposal.test_module.as_str()),
        (
            "test/shop/slug_generated_test.exs",
            "Shop.SlugGeneratedTest"
        )
    );
    assert_eq!(proposal.template, "Shop.DataCase, async: true");
    let records: Vec<&str> = proposal
        .calls
        .iter()
        .filter(|c| matches!(c.purpose, Purpose::Record { .. }) && c.function == "make/1")
        .map(|c| c.expression.as_str())
        .collect();
    assert!(
        !records.is_empty() && !records.contains(&"Shop.Slug.make(\"text\")"),
        "{records:?}"
    );
}

#[test]
fn the_test_stands_where_the_source_does() {
    let source = "defmodule EEx.Error do\n  defexception [:message]\nend\n\n\
                  defmodule EEx do\n  @spec twice(integer) :: integer\n  def twice(n), do: n * 2\nend\n";
    let (graph, sources) = project(&[("lib/eex.ex", source)]);
    let proposal = propose(&graph, &sources, "EEx").expect("a proposal");
    assert_eq!(proposal.path, "test/eex_test.exs");
}

#[test]
fn unknown_and_empty_modules_are_refused() {
    let (graph, sources) = project(&[(
        "lib/a.ex",
        "defmodule Shop.Empty do\n  defp x, do: 1\nend\n",
    )]);
    assert!(matches!(
        propose(&graph, &sources, "Shop.Empty"),
        Err(crate::Error::NothingToTest { .. })
    ));
    assert!(matches!(
        propose(&graph, &sources, "Shop.Emptee"),
        Err(crate::Error::UnknownModule { .. })
    ));
}

#[test]
fn examples_of_documentation() {
    let doc = "Text\n\n    iex> x = 1\n    ...> + 2\n    3\n\n    iex(2)> f(x)\n    {:ok,\n     3}\n\nmore\n";
    let found = doctest::examples(doc);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].expression.as_str(), found[0].expected.as_str()),
        ("x = 1\n+ 2", "3")
    );
    assert_eq!(
        (
            found[1].expression.as_str(),
            found[1].expected.as_str(),
            found[1].line
        ),
        ("f(x)", "{:ok,\n3}", 6)
    );
}
