//! Random damage to the fixtures: whatever comes, an answer with sane ranges.

use aiex_analysis::{CodeGraph, analyze_file, syntax_errors};
use proptest::prelude::*;
use std::sync::Arc;

const FIXTURES: [&str; 5] = [
    include_str!("fixtures/cart.ex"),
    include_str!("fixtures/store_test.exs"),
    include_str!("fixtures/size.ex"),
    include_str!("fixtures/config.exs"),
    include_str!("fixtures/schema.ex"),
];

const INSERTS: [&str; 16] = [
    "(",
    ")",
    "\"",
    "'",
    "\"\"\"",
    " do\n",
    "\nend\n",
    "#{",
    "~S|",
    "defmodule X do\n",
    "  def f(",
    "\\",
    "é",
    "\t",
    "%{",
    "\r\n",
];

/// Moves an offset back to a character boundary.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn damage(text: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut text = text.to_owned();
    for (at, length, insert) in edits {
        let start = boundary(&text, at % (text.len() + 1));
        let end = boundary(&text, start + length);
        text.replace_range(start..end.max(start), INSERTS[insert % INSERTS.len()]);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_still_answered(
        fixture in 0..FIXTURES.len(),
        edits in prop::collection::vec((0usize..4_000, 0usize..80, 0usize..16), 1..5),
    ) {
        let text = damage(FIXTURES[fixture], &edits);
        let file = analyze_file("a.ex", &text);
        prop_assert_eq!(file.has_error, !syntax_errors(&text).is_empty());
        for chunk in &file.chunks {
            for span in &chunk.spans {
                prop_assert!(text.get(span.start_byte as usize..span.end_byte as usize).is_some(), "{:?}", span);
                prop_assert!(span.start_line >= 1 && span.start_line <= span.end_line, "{:?}", span);
            }
        }
        for call in &file.calls {
            let written = text.get(call.name_start_byte as usize..call.name_end_byte as usize);
            prop_assert!(written.is_some_and(|written| written.is_empty() || written == call.function), "{:?}", call);
        }
        let graph = CodeGraph::build(&[Arc::new(file)]);
        for (module, _) in graph.modules() {
            prop_assert!(graph.resolve(&module.name).is_ok() || module.name.is_empty() || module.name.contains(|c: char| !c.is_alphanumeric() && c != '.'));
        }
    }
}
