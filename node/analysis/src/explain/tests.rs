//! Explanations of small projects, and that no statement is without its place.

use super::*;
use crate::analyze_file;
use std::collections::BTreeMap;
use std::sync::Arc;

const BASKET: &str = r#"defmodule Shop.Basket do
  @moduledoc """
  # Baskets

  Keeps what a customer
  wants to buy.

  Second paragraph.
  """
  use GenServer
  alias Shop.Price

  @type item :: {String.t(), pos_integer()}

  @doc "Starts one. With options."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts \\ []), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @doc """
  Sums up.

      iex> Shop.Basket.total([])
      0
  """
  def total([]), do: 0

  def total([item | rest]) when is_tuple(item) do
    case Price.of(item) do
      nil -> raise ArgumentError, "no price"
      price -> price + total(rest)
    end
  end

  def save(path), do: File.write(path, encode(nil))

  @impl true
  def init(_opts), do: {:ok, %{items: []}}

  @impl true
  def handle_call({:add, item}, _from, state) do
    encode(item)
    {:reply, :ok, state}
  end

  defp encode(item), do: inspect(item)
end
"#;

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

fn shop() -> (CodeGraph, BTreeMap<String, String>) {
    project(&[
        ("lib/basket.ex", BASKET),
        (
            "lib/price.ex",
            "defmodule Shop.Price do\n  def of(item), do: Shop.Store.read(item)\nend\n\ndefmodule Shop.Store do\n  @moduledoc false\n  def read(item), do: :ets.lookup(:prices, item)\nend\n",
        ),
        (
            "lib/web.ex",
            "defmodule Shop.Web do\n  def show(items), do: Shop.Basket.total(items) + Shop.Basket.total([])\nend\n",
        ),
        (
            "test/basket_test.exs",
            "defmodule Shop.BasketTest do\n  use ExUnit.Case\n  test \"sums\" do\n    assert Shop.Basket.total([]) == 0\n  end\nend\n",
        ),
        (
            "lib/broken.ex",
            "defmodule Shop.Broken do\n  @doc \"Good one.\"\n  def good(x) do\n    x\n  end\n\n  def bad(x do\n    x\n  end\nend\n",
        ),
    ])
}

fn explained(target: &str) -> Explanation {
    let (graph, sources) = shop();
    let target = graph.resolve(target).expect("resolves");
    let explanation = explain(&graph, &sources, &target);
    for section in &explanation.sections {
        assert!(!section.facts.is_empty(), "{} is empty", section.title);
        section
            .facts
            .iter()
            .for_each(|fact| check_places(fact, &sources));
    }
    explanation
}

/// Every statement stands on a line that exists.
fn check_places(fact: &Fact, sources: &BTreeMap<String, String>) {
    assert!(!fact.evidence.is_empty(), "no place for: {}", fact.text);
    for place in &fact.evidence {
        let lines = sources[&place.path].lines().count();
        assert!(
            (1..=lines).contains(&(place.line as usize)),
            "{}:{} does not exist: {}",
            place.path,
            place.line,
            fact.text
        );
    }
    fact.details
        .iter()
        .for_each(|detail| check_places(detail, sources));
}

fn check(target: &str, expected: &[&str]) {
    let shown = render_markdown(&explained(target));
    for line in expected {
        assert!(shown.contains(line), "{line:?} is missing in:\n{shown}");
    }
}

#[test]
fn a_module_is_explained_from_its_code() {
    check(
        "Shop.Basket",
        &[
            "# Shop.Basket\n\n`Shop.Basket` is a GenServer: 5 public functions, 1 private in 46 lines. (lib/basket.ex:1)",
            "Keeps what a customer wants to buy. (lib/basket.ex:2)",
            "It uses `GenServer` (GenServer). (lib/basket.ex:10)",
            "- `start_link(opts \\\\ [])`: Starts one. (lib/basket.ex:17)",
            "`@spec start_link(keyword()) :: GenServer.on_start()`",
            "- `total([])`: Sums up. (lib/basket.ex:25)",
            "called 3 times from other modules, 1 of them in tests (lib/web.ex:2)",
            "Callbacks and functions with `@doc false`: `init/1`, `handle_call/3`",
            "- `save(path)`: no `@doc` (lib/basket.ex:34)",
            "Answers the call `{:add, item}` (lib/basket.ex:40)",
            "`encode(item)`: 1 clause, 1 line, called from 2 places",
            "- `Shop.Web`: 2 calls of `total/1` (lib/web.ex:2)",
            "- `Shop.Price`: 1 call of `of/1` (lib/basket.ex:28)",
            "Works on files by `File.write/2` (lib/basket.ex:34)",
            "May, behind its call of `Shop.Price.of`: reads a shared table by `:ets.lookup/2` (lib/basket.ex:28, lib/price.ex:7)",
            "`test/basket_test.exs`: 1 test calls it",
            "No test in the index calls, directly or through other functions: `start_link/1`, `save/1`",
        ],
    );
}

#[test]
fn a_function_is_explained_clause_by_clause() {
    check(
        "Basket.total/1",
        &[
            "`Shop.Basket.total/1` is a public function of 2 clauses.",
            "- `total([])` (lib/basket.ex:25)\n  - gives `0`\n",
            "- `total([item | rest])` when `is_tuple(item)` (lib/basket.ex:27)\n  - gives `price + total(rest)`\n",
            "`ArgumentError` (lib/basket.ex:29)",
            "`Shop.Basket.total([])` gives `0`",
            "- `total/1` (itself) (lib/basket.ex:30)",
            "sums (directly) (test/basket_test.exs:3)",
        ],
    );
}

#[test]
fn files_lines_tests_and_hidden_modules() {
    check(
        "lib/price.ex",
        &[
            "defines 2 modules in 8 lines",
            "## `Shop.Store`: What it is for",
            "it is internal",
            "It has no `@moduledoc`",
        ],
    );
    check("lib/basket.ex:29", &["# Shop.Basket.total/1"]);
    check(
        "test/basket_test.exs:4",
        &[
            "The test \"sums\" of `Shop.BasketTest`",
            "`Shop.Basket`: 1 call of `total/1`",
        ],
    );
}

#[test]
fn a_broken_file_is_explained_as_far_as_it_goes() {
    check(
        "lib/broken.ex",
        &[
            "## Broken",
            "The file does not parse",
            "`good(x)`: Good one.",
        ],
    );
}
