//! Figures of a small module.

use super::{FunctionMetrics, measure};
use crate::analyze::analyze_file;
use crate::graph::CodeGraph;
use std::collections::BTreeMap;
use std::sync::Arc;

const TEXT: &str = r#"defmodule A do
  @moduledoc "A."
  @doc "Runs."
  @spec run(term) :: term
  def run(x) do
    if x && ok?(x) do
      case x do
        1 -> helper(x)
        2 -> helper(x)
        _ -> B.go(x)
      end
    end
  rescue
    ArgumentError -> nil
  end

  def run(x, y), do: {run(x), y}

  @doc false
  def hidden, do: run(1)

  defp helper(0), do: 0
  defp helper(x), do: helper(x - 1)
  defp ok?(_), do: true
end
defmodule B do
  def go(x), do: fn
    1 -> x
    2 -> x
  end
end
"#;

fn function<'a>(all: &'a [FunctionMetrics], name: &str, arity: u8) -> &'a FunctionMetrics {
    all.iter()
        .find(|function| function.name == name && function.arity == arity)
        .expect("it is measured")
}

#[test]
fn figures_add_up() {
    let graph = CodeGraph::build(&[Arc::new(analyze_file("a.ex", TEXT))]);
    let sources = BTreeMap::from([("a.ex".to_owned(), TEXT.to_owned())]);
    let modules = measure(&graph, &sources);
    let (a, b) = (&modules[0], &modules[1]);
    assert_eq!(
        (
            a.module.as_str(),
            a.lines,
            a.public,
            a.public_documented,
            a.public_with_spec
        ),
        ("A", 25, 2, 1, 1)
    );
    assert_eq!((a.fan_in, a.fan_out, b.fan_in, b.fan_out), (0, 1, 1, 0));
    assert!(a.has_module_doc && !b.has_module_doc);

    let run = function(&a.functions, "run", 1);
    // One clause, `if`, `&&`, two more `case` clauses, one rescue clause.
    assert_eq!(
        (run.complexity, run.nesting, run.lines, run.line),
        (6, 2, 11, 5)
    );
    assert_eq!(
        (run.fan_in, run.fan_out, run.documented, run.has_spec),
        (2, 3, true, true)
    );
    let helper = function(&a.functions, "helper", 1);
    assert_eq!(
        (
            helper.clauses,
            helper.complexity,
            helper.fan_in,
            helper.fan_out
        ),
        (2, 2, 1, 0)
    );
    assert_eq!(function(&b.functions, "go", 1).complexity, 2);
    assert_eq!(a.complexity(), 6 + 1 + 1 + 2 + 1);
}
