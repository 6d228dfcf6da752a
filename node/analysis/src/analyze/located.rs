//! From the chunks of a file back to the nodes of their clauses.

use super::head::{Head, parse_head};
use crate::chunk::{Chunk, ChunkKind, FunctionKind};
use crate::module::FileAnalysis;
use crate::syntax::{SyntaxTree, argument_nodes, call_name, walk};
use std::collections::HashMap;
use tree_sitter::Node;

/// One clause of a function with the chunk it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located<'t> {
    pub(crate) chunk: &'t Chunk,
    /// The whole `def … end`.
    pub(crate) node: Node<'t>,
    pub(crate) head: Head<'t, 't>,
}

/// Returns the clauses of all functions of a file in source order; the tree must be that of the file's text.
pub(crate) fn definitions<'t>(file: &'t FileAnalysis, tree: &'t SyntaxTree) -> Vec<Located<'t>> {
    let mut by_name: HashMap<&str, Vec<&Chunk>> = HashMap::new();
    for chunk in file
        .chunks
        .iter()
        .filter(|chunk| matches!(chunk.kind, ChunkKind::Function { .. }))
    {
        by_name.entry(&chunk.name).or_default().push(chunk);
    }
    let text = tree.text();
    let mut found = Vec::new();
    walk(tree.root(), |node| {
        let Some(kind) = call_name(node, text).and_then(FunctionKind::from_keyword) else {
            return true;
        };
        let Some(first) = argument_nodes(node).first().copied() else {
            return true;
        };
        let Some(head) = parse_head(first, text) else {
            return true;
        };
        let candidates = by_name
            .get(head.name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if let Some(chunk) = candidates
            .iter()
            .find(|chunk| is_clause_of(chunk, kind, &head, node))
        {
            found.push(Located { chunk, node, head });
        }
        true
    });
    found
}

fn is_clause_of(chunk: &Chunk, kind: FunctionKind, head: &Head<'_, '_>, node: Node<'_>) -> bool {
    let (start, end) = (node.start_byte() as u32, node.end_byte() as u32);
    chunk.kind == ChunkKind::Function { function: kind }
        && chunk.arity.1 == head.arity
        && chunk
            .spans
            .iter()
            .any(|span| span.start_byte <= start && end <= span.end_byte)
}
