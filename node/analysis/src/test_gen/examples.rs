//! Calls with literal arguments that the project already makes: in code, in tests, in documentation.

use super::doctest::examples;
use crate::chunk::{Chunk, Doc};
use crate::graph::CodeGraph;
use crate::literal::{Literal, expression, from_node};
use crate::module::CallForm;
use crate::sources::SourceText;
use crate::syntax::{argument_nodes, left, operator, parse_tree, right, slice, target};
use std::collections::HashMap;
use tree_sitter::{Node, Tree};

/// Longest file searched, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// Arguments of one call and whether a test makes it already.
pub(super) struct FoundCall {
    pub(super) arguments: Vec<Literal>,
    pub(super) in_test: bool,
}

/// Reads the files that call a module, each once.
pub(super) struct Finder<'a> {
    graph: &'a CodeGraph,
    sources: &'a dyn SourceText,
    parsed: HashMap<String, Option<(String, Tree)>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(graph: &'a CodeGraph, sources: &'a dyn SourceText) -> Self {
        Self {
            graph,
            sources,
            parsed: HashMap::new(),
        }
    }

    /// Gives the calls of a function at an arity whose arguments are all literals.
    pub(super) fn calls(&mut self, chunk: &Chunk, arity: u8) -> Vec<FoundCall> {
        let mut out = Vec::new();
        for edge in self.graph.callers(&chunk.module, &chunk.name, arity) {
            let plain = matches!(edge.call.form, CallForm::Plain | CallForm::Piped);
            if !plain || edge.call.arity != arity {
                continue;
            }
            let in_test = edge.path.ends_with("_test.exs");
            let at = edge.call.name_start_byte as usize;
            let Some((text, tree)) = self.file(&edge.path) else {
                continue;
            };
            if let Some(arguments) = call_at(tree.root_node(), text, at)
                && arguments.len() == usize::from(arity)
            {
                out.push(FoundCall { arguments, in_test });
            }
        }
        out
    }

    fn file(&mut self, path: &str) -> Option<&(String, Tree)> {
        if !self.parsed.contains_key(path) {
            let text = self.sources.text(path).filter(|t| t.len() <= MAX_FILE);
            let parsed = text.and_then(|text| Some((text.to_string(), parse_tree(&text)?)));
            self.parsed.insert(path.to_owned(), parsed);
        }
        self.parsed.get(path)?.as_ref()
    }
}

/// Arguments of the call whose function name begins at a byte, the piped one first.
fn call_at(root: Node<'_>, text: &str, at: usize) -> Option<Vec<Literal>> {
    let mut node = root.descendant_for_byte_range(at, at + 1)?;
    while node.kind() != "call" {
        node = node.parent()?;
        if node.start_byte() + 512 < at {
            return None;
        }
    }
    if let Some(pipe) = node.parent()
        && operator(pipe, text) == "|>"
        && right(pipe) == Some(node)
    {
        let first = from_node(left(pipe)?, text)?;
        return Some(
            std::iter::once(first)
                .chain(arguments(node, text)?)
                .collect(),
        );
    }
    arguments(node, text)
}

fn arguments(call: Node<'_>, text: &str) -> Option<Vec<Literal>> {
    argument_nodes(call)
        .into_iter()
        .map(|argument| {
            if argument.kind() == "keywords" {
                return Literal::parse(&format!("[{}]", slice(argument, text)));
            }
            from_node(argument, text)
        })
        .collect()
}

/// Arguments of the calls in a function's own examples.
pub(super) fn documented(chunk: &Chunk, arity: u8) -> Vec<Vec<Literal>> {
    let Doc::Text(doc) = &chunk.doc else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for example in examples(doc) {
        let text = example.expression;
        let found = expression(&text, |node| {
            let called = target(node)?;
            let name = right(called).unwrap_or(called);
            (slice(name, &text) == chunk.name).then_some(())?;
            arguments(node, &text)
        });
        out.extend(found.filter(|arguments| arguments.len() == usize::from(arity)));
    }
    out
}
