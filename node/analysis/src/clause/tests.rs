//! Clauses read from small functions.

use super::*;
use crate::analyze_file;
use crate::chunk::ChunkKind;

fn read(body: &str) -> Vec<Clause> {
    let text = format!("defmodule M do\n{body}\nend\n");
    let file = analyze_file("lib/m.ex", &text);
    let chunk = file
        .chunks
        .iter()
        .find(|c| matches!(c.kind, ChunkKind::Function { .. }))
        .expect("a function");
    clauses(chunk, &text)
}

#[test]
fn heads_guards_and_parameters() {
    let all = read(
        "  @doc \"x\"\n  def f(%Item{} = item, :small, n \\\\ 2) when n > 1, do: item\n  def f(_x, 0, [h | t]) do\n    {h, t}\n  end",
    );
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].line, 3);
    assert_eq!(all[0].head, "f(%Item{} = item, :small, n \\\\ 2)");
    assert_eq!(all[0].guard.as_deref(), Some("n > 1"));
    let first = &all[0].parameters;
    assert_eq!(
        (first[0].name.as_deref(), first[0].structure.as_deref()),
        (Some("item"), Some("Item"))
    );
    assert_eq!(
        first[1].literal,
        Some(crate::literal::Literal::atom("small"))
    );
    assert_eq!(
        (first[2].name.as_deref(), first[2].default.as_deref()),
        (Some("n"), Some("2"))
    );
    assert_eq!(all[1].parameters[0].name.as_deref(), Some("x"));
    assert_eq!(all[1].parameters[2].shape, Some("list"));
    assert_eq!(all[1].results, ["{h, t}"]);
}

#[test]
fn results_of_every_branch() {
    let all = read(
        "  def f(x) do
    y = x + 1
    case y do
      1 -> :one
      2 ->
        log(y)
        {:ok, y}
      _ -> if x, do: nil, else: raise(ArgumentError, \"no\")
    end
  rescue
    _ -> {:error, :bad}
  end",
    );
    assert_eq!(
        all[0].results,
        [":one", "{:ok, y}", "nil", "{:error, :bad}"]
    );
    assert_eq!(all[0].raises, [("ArgumentError".to_owned(), 9)]);
}

#[test]
fn an_if_without_else_may_give_nil() {
    let all = read("  def f(x) do\n    if x do\n      raise \"boom\"\n    end\n  end");
    assert_eq!(all[0].results, ["nil"]);
    assert_eq!(all[0].raises, [("RuntimeError".to_owned(), 4)]);
}
