//! The clauses of one function as written: heads, guards, parameters, results, exceptions. Not: what they mean.

mod outcome;
mod parameter;

pub(crate) use parameter::Parameter;

use crate::analyze::parse_head;
use crate::chunk::Chunk;
use crate::syntax::{
    argument_nodes, call_name, do_block, keyword_value, left, named_children, operator, parse_tree,
    right, slice,
};
use tree_sitter::Node;

/// Longest one-line rendering of a piece of source, in characters.
pub(crate) const MAX_SHOWN: usize = 100;
/// Deepest nesting searched for clauses and results.
const MAX_DEPTH: usize = 40;

/// One clause.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    /// 1-based, in the file.
    pub(crate) line: u32,
    /// `total(%{items: items}, opts \\ [])` on one line.
    pub(crate) head: String,
    pub(crate) guard: Option<String>,
    pub(crate) parameters: Vec<Parameter>,
    /// Last expressions of the body, branch by branch, as far as they are evident.
    pub(crate) results: Vec<String>,
    /// `ArgumentError`, or the raised expression, with its line.
    pub(crate) raises: Vec<(String, u32)>,
}

/// Reads the clauses of a function chunk out of its file's text, in order.
pub(crate) fn clauses(chunk: &Chunk, text: &str) -> Vec<Clause> {
    let mut out = Vec::new();
    for span in &chunk.spans {
        let Some(part) = text.get(span.start_byte as usize..span.end_byte as usize) else {
            continue;
        };
        let Some(tree) = parse_tree(part) else {
            continue;
        };
        let reader = Reader {
            text: part,
            name: &chunk.name,
            first_line: span.start_line,
        };
        reader.collect(tree.root_node(), 0, &mut out);
    }
    out
}

struct Reader<'a> {
    text: &'a str,
    name: &'a str,
    first_line: u32,
}

impl Reader<'_> {
    fn collect(&self, node: Node<'_>, depth: usize, out: &mut Vec<Clause>) {
        if depth > MAX_DEPTH {
            return;
        }
        for child in named_children(node) {
            match call_name(child, self.text) {
                Some(keyword) if keyword.starts_with("def") => {
                    if let Some(clause) = self.clause(child) {
                        out.push(clause);
                    }
                }
                _ => self.collect(child, depth + 1, out),
            }
        }
    }

    fn clause(&self, definition: Node<'_>) -> Option<Clause> {
        let first = argument_nodes(definition).into_iter().next()?;
        let head = parse_head(first, self.text).filter(|head| head.name == self.name)?;
        let guarded = operator(first, self.text) == "when";
        let guard = if guarded {
            right(first).map(|g| one_line(slice(g, self.text)))
        } else {
            None
        };
        let shown = if guarded {
            left(first).unwrap_or(first)
        } else {
            first
        };
        let nodes = if head.call.kind() == "call" {
            argument_nodes(head.call)
        } else {
            [left(head.call), right(head.call)]
                .into_iter()
                .flatten()
                .collect()
        };
        let parameters = nodes
            .into_iter()
            .map(|node| parameter::read(node, self.text))
            .collect();
        let body = do_block(definition).or_else(|| keyword_value(definition, "do", self.text));
        let mut results = Vec::new();
        let mut raises = Vec::new();
        if let Some(body) = body {
            outcome::results(body, self.text, &mut results);
            outcome::raises(body, self.text, self.first_line, &mut raises);
        }
        Some(Clause {
            line: self.first_line + definition.start_position().row as u32,
            head: one_line(slice(shown, self.text)),
            guard,
            parameters,
            results,
            raises,
        })
    }
}

/// Joins the lines of a piece of source; too long ones end in `…`.
pub(crate) fn one_line(source: &str) -> String {
    let joined = source.split_whitespace().collect::<Vec<_>>().join(" ");
    if joined.chars().count() <= MAX_SHOWN {
        return joined;
    }
    joined.chars().take(MAX_SHOWN - 1).collect::<String>() + "…"
}

#[cfg(test)]
mod tests;
