//! Renames: what changes, what is refused, what stays byte for byte.

use super::*;
use crate::{CodeGraph, Error, analyze_file};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

type Sources = BTreeMap<String, String>;

fn graph(sources: &Sources) -> CodeGraph {
    CodeGraph::build(
        &sources
            .iter()
            .map(|(p, t)| Arc::new(analyze_file(p, t)))
            .collect::<Vec<_>>(),
    )
}

fn sources(files: &[(&str, &str)]) -> Sources {
    files
        .iter()
        .map(|(p, t)| ((*p).to_owned(), (*t).to_owned()))
        .collect()
}

fn renamed(before: &Sources, reference: &str, new: &str) -> Result<(Sources, RenamePlan), Error> {
    let plan = rename_function(&graph(before), before, reference, new)?;
    let mut after = before.clone();
    for edit in &plan.edits {
        let text = &before[&edit.path];
        assert_eq!(
            edit.before_hash,
            blake3::hash(text.as_bytes()).to_hex().to_string()
        );
        after.insert(
            edit.path.clone(),
            apply(text, &edit.splices).expect("splices fit"),
        );
    }
    Ok((after, plan))
}

/// Every `old` between `«»` must become `new`, and nothing else may change.
fn check(marked: &[(&str, &str)], reference: &str, new: &str) -> RenamePlan {
    let old = reference
        .rsplit('.')
        .next()
        .expect("a name")
        .split('/')
        .next()
        .expect("a name");
    let plain = |text: &str| text.replace("«old»", old).replace("«»", "");
    let before: Sources = marked
        .iter()
        .map(|(p, t)| ((*p).to_owned(), plain(t)))
        .collect();
    let (after, plan) = renamed(&before, reference, new).unwrap_or_else(|e| panic!("{e}"));
    for (path, text) in marked {
        assert_eq!(after[*path], text.replace("«old»", new), "{path}");
        assert!(!analyze_file(path, &after[*path]).has_error);
    }
    plan
}

const CART: &str = r#"defmodule Shop.Cart do
  @moduledoc """
  See `«old»/1`, `Shop.Cart.«old»/1`, `total/2` and the word total.
  """
  @compile {:inline, «old»: 1}
  @doc """
  Sums, like `Enum.total/1` does not. Not `total/3`.

      iex> Shop.Cart.«old»([1, 2])
      3

      cart |> «old»()

      iex> [1] |> «old»()
      1
  """
  @spec «old»([integer]) :: integer
  def «old»([]), do: 0
  def «old»([h | t]) when is_integer(h), do: h + «old»(t)

  def total(a, b), do: «old»([a]) + «old»([b])

  def twice(list) do
    total = «old»(list)
    list |> «old»() |> Kernel.+(total)
  end

  def mapped(lists), do: Enum.map(lists, &«old»/1) ++ Enum.map(lists, &__MODULE__.«old»/1)
  def other(%{total: total}), do: {:total, total}
end
"#;

#[test]
fn renames_everything_that_names_the_function() {
    let plan = check(
        &[
            ("lib/cart.ex", CART),
            (
                "lib/use.ex",
                "defmodule Shop.Use do\n  alias Shop.Cart, as: C\n  import Shop.Cart, only: [«old»: 1, total: 2]\n  defdelegate sum(list), to: Shop.Cart, as: :«old»\n  def a(x), do: C.«old»(x) + «old»(x) + total(x, x)\n  def b(x), do: apply(Shop.Cart, :«old», [x])\n  def c(x, m), do: m.total(x)\n  def d, do: \"x = total(1)\"\nend\n",
            ),
            (
                "test/cart_test.exs",
                "defmodule Shop.CartTest do\n  use ExUnit.Case\n  doctest Shop.Cart, only: [«old»: 1]\n  describe \"«old»/1\" do\n    test \"total\", do: assert Shop.Cart.«old»([]) == 0\n  end\n  describe \"total/2\" do\n    test \"x\", do: assert Shop.Cart.total(1, 2) == 3\n  end\nend\n",
            ),
        ],
        "Shop.Cart.total/1",
        "sum_up",
    );
    let warned: Vec<(&str, u32)> = plan
        .warnings
        .iter()
        .map(|w| (w.path.as_str(), w.line))
        .collect();
    assert_eq!(
        warned,
        [("lib/cart.ex", 29), ("lib/use.ex", 7), ("lib/use.ex", 8)],
        "{:?}",
        plan.warnings
    );
}

#[test]
fn delegates_keep_their_own_name() {
    let before = sources(&[
        ("lib/a.ex", "defmodule A do\n  def old(x), do: x\nend\n"),
        (
            "lib/b.ex",
            "defmodule B do\n  defdelegate old(x), to: A\n  def f, do: old(1)\nend\n",
        ),
    ]);
    let (after, _) = renamed(&before, "A.old/1", "new").expect("renamed");
    assert_eq!(
        after["lib/b.ex"],
        "defmodule B do\n  defdelegate old(x), to: A, as: :new\n  def f, do: old(1)\nend\n"
    );
    let (after, _) = renamed(&before, "B.old/1", "new").expect("renamed");
    assert_eq!(
        after["lib/b.ex"],
        "defmodule B do\n  defdelegate new(x), to: A, as: :old\n  def f, do: new(1)\nend\n"
    );
    assert_eq!(after["lib/a.ex"], before["lib/a.ex"]);
}

#[test]
fn a_callback_goes_with_its_family() {
    let plan = check(
        &[
            (
                "lib/b.ex",
                "defmodule B do\n  @callback «old»(term) :: term\nend\n",
            ),
            (
                "lib/i.ex",
                "defmodule I do\n  @behaviour B\n  @impl true\n  def «old»(x), do: x\nend\n",
            ),
            (
                "lib/j.ex",
                "defmodule J do\n  @behaviour B\n  @impl B\n  def «old»(x), do: I.«old»(x)\nend\n",
            ),
            (
                "lib/k.ex",
                "defmodule K do\n  def old(x), do: x\n  def f(m), do: m.old(1)\nend\n",
            ),
        ],
        "I.old/1",
        "new",
    );
    assert_eq!(plan.renamed, ["B.old/1", "I.old/1", "J.old/1"]);
    assert_eq!(plan.warnings.len(), 1);
}

fn check_refused(files: &[(&str, &str)], reference: &str, new: &str, expected: &str) {
    let before = sources(files);
    let error = renamed(&before, reference, new)
        .expect_err(expected)
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn refuses_what_would_break() {
    let a = (
        "lib/a.ex",
        "defmodule A do\n  def old(x), do: x\n  def taken(x), do: x\nend\n",
    );
    check_refused(&[a], "A.old/1", "New", "lower-case letter");
    check_refused(&[a], "A.old/1", "end", "reserved word");
    check_refused(&[a], "A.old/1", "length", "every module imports");
    check_refused(&[a], "A.old/1", "ne w", "only letters");
    check_refused(&[a], "A.old/1", "old", "has this name already");
    check_refused(
        &[a],
        "A.old/1",
        "taken",
        "A.taken/1 already exists at lib/a.ex:3",
    );
    check_refused(&[a], "A.olt/1", "new", "did you mean A.old/1");
    check_refused(&[a], "A", "new", "no function reference");
    let importer = (
        "lib/b.ex",
        "defmodule B do\n  import A\n  def new(x), do: old(x)\nend\n",
    );
    check_refused(
        &[a, importer],
        "A.old/1",
        "new",
        "B imports A and defines new/1 itself (lib/b.ex:1)",
    );
    let caller = (
        "lib/a.ex",
        "defmodule A do\n  import Other\n  def old(x), do: new(x)\nend\n",
    );
    check_refused(
        &[caller],
        "A.old/1",
        "new",
        "already calls another new/1 (lib/a.ex:3)",
    );
    let server = (
        "lib/a.ex",
        "defmodule A do\n  use GenServer\n  def init(x), do: {:ok, x}\nend\n",
    );
    check_refused(
        &[server],
        "A.init/1",
        "begin",
        "behaviour outside the project",
    );
    let protocol = ("lib/a.ex", "defprotocol A do\n  def old(x)\nend\n");
    check_refused(&[protocol], "A.old/1", "new", "belongs to a protocol");
    let broken = ("lib/b.ex", "defmodule B do\n  def f(, do: A.old(1)\n");
    check_refused(&[a, broken], "A.old/1", "new", "lib/b.ex does not parse");
    let hidden = (
        "lib/b.ex",
        "defmodule B do\n  defmacro __using__(_) do\n    quote do\n      import A\n    end\n  end\nend\ndefmodule C do\n  use B\n  def f, do: old(1)\nend\n",
    );
    check_refused(
        &[a, hidden],
        "A.old/1",
        "new",
        "a macro in lib/b.ex:4 imports it",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// There and back again gives the same bytes, and the graph keeps its shape.
    #[test]
    fn renaming_back_restores_every_byte(calls in proptest::collection::vec(0usize..6, 1..12), name in "[a-z]{3,8}_x[?!]?") {
        let forms = [
            "A.old(1)", "2 |> A.old()", "Enum.map([], &A.old/1)", "Al.old(A.old(é: 1))", "apply(A, :old, [1])", "\"old\" <> ~s(A.old)",
        ];
        let body: String = calls.iter().enumerate().map(|(i, c)| format!("  def f{i}, do: {}\n", forms[*c])).collect();
        let before = sources(&[
            ("lib/a.ex", "defmodule A do\n  @doc \"`old/1` and ü A.old(1)\"\n  @spec old(term) :: term\n  def old(x \\\\ nil)\n  def old(0), do: old(1)\n  def old(x), do: x\nend\n"),
            ("lib/b.ex", &format!("defmodule B do\n  alias A, as: Al\n{body}end\n")),
        ]);
        let (after, plan) = renamed(&before, "A.old/1", &name).expect("renamed");
        prop_assert!(plan.places() >= 5);
        prop_assert_eq!(graph(&before).edges().len(), graph(&after).edges().len());
        prop_assert!(!after["lib/a.ex"].contains("old("));
        let (again, _) = renamed(&after, &format!("A.{name}/1"), "old").expect("renamed back");
        prop_assert_eq!(again, before);
    }
}
