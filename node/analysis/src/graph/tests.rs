//! Graphs of small projects.

use super::{CodeGraph, Resolution, Target};
use crate::analyze::analyze_file;
use std::sync::Arc;

const CART: &str = r#"
defmodule Shop.Cart do
  import Shop.Money, only: [cents: 1]
  alias Shop.Item
  @doc """
      iex> Shop.Cart.total([])
      0
  """
  def total(items, opts \\ []), do: items |> Enum.map(&Item.price/1) |> cents() |> add(opts)
  defp add(sum, _opts), do: sum
  defdelegate load(id), to: Item
  def fail, do: raise(Shop.Broken, "x")
  def size(thing), do: Shop.Size.size(thing)
end
defmodule Shop.Broken do
  defexception [:message]
end
defprotocol Shop.Size do
  def size(thing)
end
defimpl Shop.Size, for: List do
  def size(list), do: Shop.Money.cents(list)
end
"#;

const ITEM: &str = "
defmodule Shop.Item do
  use Shop.Money
  def price(item), do: item.price
  def load(id), do: id
end
defmodule Shop.Money do
  defmacro __using__(_), do: nil
  def cents(x), do: x
  defp secret, do: 1
  def open, do: secret()
end
";

const TEST: &str = "
defmodule Shop.CartTest do
  alias Shop.Cart
  doctest Cart
  test \"total\", do: assert Cart.total([]) == 0
  test \"far\", do: assert help() == 1
  defp help, do: Cart.load(1)
end
";

fn graph() -> CodeGraph {
    let files = [
        ("lib/cart.ex", CART),
        ("lib/item.ex", ITEM),
        ("test/cart_test.exs", TEST),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| Arc::new(analyze_file(path, text)))
        .collect();
    CodeGraph::build(&files)
}

/// Lists the callers of a function as `module.function line how`.
fn callers(
    graph: &CodeGraph,
    module: &str,
    name: &str,
    arity: u8,
) -> Vec<(String, u32, Resolution)> {
    let edges = graph.callers(module, name, arity);
    edges
        .iter()
        .map(|edge| {
            (
                edge.call.from_module.clone(),
                edge.call.line,
                edge.resolution,
            )
        })
        .collect()
}

#[test]
fn calls_find_their_definitions() {
    let graph = graph();
    for (module, name, arity, expected) in [
        (
            "Shop.Item",
            "price",
            1,
            ("Shop.Cart", 9, Resolution::Remote),
        ),
        ("Shop.Cart", "add", 2, ("Shop.Cart", 9, Resolution::Local)),
        (
            "Shop.Item",
            "load",
            1,
            ("Shop.Cart", 11, Resolution::Delegate),
        ),
        (
            "Shop.Size",
            "size",
            1,
            ("Shop.Cart", 13, Resolution::Remote),
        ),
        (
            "Shop.Size.List",
            "size",
            1,
            ("Shop.Size", 0, Resolution::Protocol),
        ),
        (
            "Shop.Money",
            "__using__",
            1,
            ("Shop.Item", 3, Resolution::Use),
        ),
        (
            "Shop.Cart",
            "total",
            1,
            ("Shop.CartTest", 5, Resolution::Remote),
        ),
    ] {
        let (from, line, how) = expected;
        assert_eq!(
            callers(&graph, module, name, arity),
            [(from.to_owned(), line, how)],
            "{module}.{name}"
        );
    }
    let cents = callers(&graph, "Shop.Money", "cents", 1);
    assert!(
        cents.contains(&("Shop.Cart".to_owned(), 9, Resolution::Import)),
        "{cents:?}"
    );
    assert!(graph.edges().iter().any(|edge| edge.resolution == Resolution::Exception && edge.to_module == "Shop.Broken"));
}

#[test]
fn tests_are_found_over_helpers_protocols_and_doctests() {
    let graph = graph();
    let reach = |module: &str, name: &str, arity| -> Vec<(String, u8)> {
        graph
            .tests_reaching(module, name, arity)
            .iter()
            .map(|reach| (reach.test.name.clone(), reach.distance))
            .collect()
    };
    assert_eq!(reach("Shop.Item", "load", 1), [("far".to_owned(), 3)]);
    assert_eq!(
        reach("Shop.Cart", "total", 2),
        [("doctest Cart".to_owned(), 1), ("total".to_owned(), 1)]
    );
    assert_eq!(reach("Shop.Money", "open", 0), []);
    assert_eq!(reach("Shop.Item", "price", 1), [("total".to_owned(), 2)]);
}

#[test]
fn targets_are_understood() {
    let graph = graph();
    let module = |name: &str| Target::Module {
        name: name.to_owned(),
    };
    let function = |name: &str, arity| Target::Function {
        module: "Shop.Cart".to_owned(),
        name: name.to_owned(),
        arity,
    };
    let path = || "lib/cart.ex".to_owned();
    for (typed, expected) in [
        ("lib/cart.ex", Target::File { path: path() }),
        (
            "./lib/cart.ex:12",
            Target::Line {
                path: path(),
                line: 12,
            },
        ),
        ("cart.ex", Target::File { path: path() }),
        ("Shop.Cart", module("Shop.Cart")),
        ("Elixir.Shop.Cart", module("Shop.Cart")),
        ("Cart", module("Shop.Cart")),
        ("Shop.Cart.total/1", function("total", 1)),
        ("&Cart.total/2", function("total", 2)),
        ("Cart.add", function("add", 2)),
    ] {
        assert_eq!(graph.resolve(typed), Ok(expected), "{typed}");
    }
}

#[test]
fn misses_get_suggestions() {
    let graph = graph();
    for (typed, candidate) in [
        ("Shop.Crat", "Shop.Cart"),
        ("Cart.totl/1", "Shop.Cart.total/2"),
        ("shop.cart.total", "Shop.Cart.total/2"),
        ("Shop.Cart.total/7", "Shop.Cart.total/2"),
    ] {
        let unresolved = graph.resolve(typed).expect_err(typed);
        assert_eq!(
            unresolved.candidates.first().map(String::as_str),
            Some(candidate),
            "{typed}: {unresolved}"
        );
    }
    assert_eq!(
        graph
            .resolve("zzzzzz")
            .expect_err("nothing is near")
            .candidates,
        Vec::<String>::new()
    );
    assert!(
        graph.resolve("").is_err() && graph.resolve(":").is_err() && graph.resolve("/1").is_err()
    );
}
