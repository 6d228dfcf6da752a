//! Answers without a model.

use super::*;
use crate::analyze_file;
use std::collections::BTreeMap;
use std::sync::Arc;

fn answer(wanted: &[(&str, f32)], question: &str) -> String {
    let sources = BTreeMap::from([
        ("lib/a.ex".to_owned(), "defmodule Shop.A do\n  @moduledoc \"Sells. Much.\"\n  @doc \"Sums up. Then stops.\"\n  def total(x), do: Shop.B.price(x)\nend\n".to_owned()),
        ("lib/b.ex".to_owned(), "defmodule Shop.B do\n  @spec price(term) :: integer\n  def price(_), do: 1\n  def far, do: 2\nend\n".to_owned()),
    ]);
    let graph = CodeGraph::build(
        &sources
            .iter()
            .map(|(p, t)| Arc::new(analyze_file(p, t)))
            .collect::<Vec<_>>(),
    );
    let hits: Vec<(Chunk, f32)> = wanted
        .iter()
        .map(|(name, score)| {
            let chunk = graph
                .files()
                .flat_map(|f| &f.chunks)
                .find(|c| c.name == *name)
                .expect("a chunk");
            (chunk.clone(), *score)
        })
        .collect();
    offline_answer(&graph, &sources, &hits, question)
}

#[test]
fn names_what_was_found_and_how_it_hangs_together() {
    let text = answer(
        &[("total", 9.0), ("price", 5.0), ("far", 0.5)],
        "how are prices summed?",
    );
    assert_eq!(
        text,
        "No model is configured; this is what the code itself says.

**`Shop.A`** (lib/a.ex:1): Sells. Much.
- `def total/1`: Sums up. (lib/a.ex:3)

**`Shop.B`** (lib/b.ex:1): not documented.
- `def price/1`: `price(term) :: integer` (lib/b.ex:2)

How they are connected:
- `Shop.A.total/1` calls `Shop.B.price/1` (lib/a.ex:4)

To see more:
- `aiex explain code Shop.A`
- `aiex explain code Shop.A.total/1`
- `aiex explain code Shop.B`
- `aiex explain code Shop.B.price/1`
"
    );
}

#[test]
fn says_when_nothing_is_found() {
    assert!(answer(&[], " what? ").contains("Nothing in the index matches \"what?\"."));
}
