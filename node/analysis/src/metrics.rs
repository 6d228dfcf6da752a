//! Figures of functions and modules: size, branching, use, documentation.
//!
//! For readers who choose where to look first; no verdicts (those are `findings`).

use crate::analyze::{Located, definitions};
use crate::chunk::{Chunk, ChunkKind, Doc};
use crate::graph::CodeGraph;
use crate::module::{FileAnalysis, ModuleForm, ModuleInfo};
use crate::sources::SourceText;
use crate::syntax::{call_name, kinds, operator, parse, statements, walk};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use tree_sitter::Node;

/// Figures of one function group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionMetrics {
    pub name: String,
    pub arity: u8,
    /// `def`, `defp`, `defmacro`, …
    pub kind: String,
    pub path: String,
    pub line: u32,
    /// Lines of code of all clauses, without attributes and comments above them.
    pub lines: u32,
    /// Lines of the longest clause.
    pub longest_clause: u32,
    pub clauses: u16,
    /// Ways through: one per clause, one more per branch beyond the first, per `and`/`or`, per `rescue` clause.
    pub complexity: u32,
    /// Deepest nesting of `if`, `case` and the like.
    pub nesting: u32,
    /// Distinct functions, tests or blocks in the project that call it.
    pub fan_in: u32,
    /// Distinct functions of the project it calls.
    pub fan_out: u32,
    pub documented: bool,
    pub has_spec: bool,
}

/// Figures of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleMetrics {
    pub module: String,
    pub path: String,
    pub line: u32,
    pub lines: u32,
    pub functions: Vec<FunctionMetrics>,
    /// Public functions that are part of the interface: not hidden, not callbacks.
    pub public: u32,
    pub public_documented: u32,
    pub public_with_spec: u32,
    pub has_module_doc: bool,
    /// Other modules of the project that call into it.
    pub fan_in: u32,
    /// Other modules of the project it calls into.
    pub fan_out: u32,
}

impl ModuleMetrics {
    /// Returns the sum over its functions.
    pub fn complexity(&self) -> u32 {
        self.functions
            .iter()
            .map(|function| function.complexity)
            .sum()
    }
}

/// Measures all modules of a project in the order of their names. Files without text are left out.
pub fn measure(graph: &CodeGraph, sources: &dyn SourceText) -> Vec<ModuleMetrics> {
    let mut all = Vec::new();
    for file in graph.files() {
        if let Some(text) = sources.text(&file.path) {
            all.extend(measure_file(graph, file, &text));
        }
    }
    all.sort_by(|left, right| left.module.cmp(&right.module));
    all
}

/// Measures the modules of one file; the text must be the one analysed.
pub fn measure_file(graph: &CodeGraph, file: &FileAnalysis, text: &str) -> Vec<ModuleMetrics> {
    let tree = parse(text);
    let located = definitions(file, &tree);
    let mut shapes: HashMap<&str, Shape> = HashMap::new();
    for clause in &located {
        shapes
            .entry(&clause.chunk.id)
            .or_default()
            .add(clause, text);
    }
    file.modules
        .iter()
        .map(|module| module_metrics(graph, file, module, &shapes))
        .collect()
}

fn module_metrics(
    graph: &CodeGraph,
    file: &FileAnalysis,
    module: &ModuleInfo,
    shapes: &HashMap<&str, Shape>,
) -> ModuleMetrics {
    let own: Vec<&Chunk> = file
        .chunks
        .iter()
        .filter(|chunk| {
            chunk.module == module.name && matches!(chunk.kind, ChunkKind::Function { .. })
        })
        .collect();
    let interface: Vec<&&Chunk> = own
        .iter()
        .filter(|chunk| is_interface(module, chunk))
        .collect();
    let count = |wanted: &dyn Fn(&Chunk) -> bool| {
        interface.iter().filter(|chunk| wanted(chunk)).count() as u32
    };
    let (mut callers, mut callees) = (HashSet::new(), HashSet::new());
    for chunk in &own {
        callers.extend(
            graph
                .callers_of_chunk(&chunk.id)
                .iter()
                .map(|edge| edge.call.from_module.as_str()),
        );
        callees.extend(
            graph
                .callees(&chunk.id)
                .iter()
                .map(|edge| edge.to_module.as_str()),
        );
    }
    callers.remove(module.name.as_str());
    callees.remove(module.name.as_str());
    ModuleMetrics {
        module: module.name.clone(),
        path: file.path.clone(),
        line: module.span.start_line,
        lines: module.span.end_line - module.span.start_line + 1,
        public: interface.len() as u32,
        public_documented: count(&|chunk| matches!(chunk.doc, Doc::Text(_))),
        public_with_spec: count(&|chunk| !chunk.specs.is_empty()),
        has_module_doc: matches!(module.doc, Doc::Text(_)),
        fan_in: callers.len() as u32,
        fan_out: callees.len() as u32,
        functions: own
            .into_iter()
            .map(|chunk| function_metrics(graph, file, chunk, shapes))
            .collect(),
    }
}

fn function_metrics(
    graph: &CodeGraph,
    file: &FileAnalysis,
    chunk: &Chunk,
    shapes: &HashMap<&str, Shape>,
) -> FunctionMetrics {
    let shape = shapes.get(chunk.id.as_str()).copied().unwrap_or_default();
    let callers: HashSet<(&str, &str)> = graph
        .callers_of_chunk(&chunk.id)
        .iter()
        .filter(|edge| edge.call.from_chunk != chunk.id)
        .map(|edge| {
            (
                edge.call.from_chunk.as_str(),
                edge.call.from_module.as_str(),
            )
        })
        .collect();
    let callees: HashSet<&str> = graph
        .callees(&chunk.id)
        .iter()
        .filter(|edge| edge.to_chunk != chunk.id)
        .map(|edge| edge.to_chunk.as_str())
        .collect();
    let kind = match chunk.kind {
        ChunkKind::Function { function } => function.keyword(),
        _ => "",
    };
    FunctionMetrics {
        name: chunk.name.clone(),
        arity: chunk.arity.1,
        kind: kind.to_owned(),
        path: file.path.clone(),
        line: shape
            .line
            .max(chunk.spans.first().map_or(0, |span| span.start_line)),
        lines: shape.lines,
        longest_clause: shape.longest,
        clauses: chunk.clauses,
        complexity: shape.complexity.max(1),
        nesting: shape.nesting,
        fan_in: callers.len() as u32,
        fan_out: callees.len() as u32,
        documented: matches!(chunk.doc, Doc::Text(_)),
        has_spec: !chunk.specs.is_empty(),
    }
}

/// Returns true for what a module offers to others on purpose.
pub(crate) fn is_interface(module: &ModuleInfo, chunk: &Chunk) -> bool {
    let ChunkKind::Function { function } = chunk.kind else {
        return false;
    };
    function.is_public()
        && chunk.doc != Doc::Hidden
        && chunk.implements.is_none()
        && !chunk.name.starts_with('_')
        && !matches!(module.form, ModuleForm::Implementation { .. })
        && module.doc != Doc::Hidden
}

/// Sums over the clauses of one group.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    line: u32,
    lines: u32,
    longest: u32,
    complexity: u32,
    nesting: u32,
}

impl Shape {
    fn add(&mut self, clause: &Located<'_>, text: &str) {
        let rows = clause.node.end_position().row - clause.node.start_position().row;
        let lines = rows as u32 + 1;
        if self.line == 0 {
            self.line = clause.node.start_position().row as u32 + 1;
        }
        self.lines += lines;
        self.longest = self.longest.max(lines);
        self.complexity += 1 + branches(clause.node, text);
        self.nesting = self.nesting.max(deepest(clause.node, text).0);
    }
}

pub(crate) fn branches(root: Node<'_>, text: &str) -> u32 {
    let kinds = kinds();
    let mut count = 0;
    walk(root, |node| {
        let kind = node.kind_id();
        if kind == kinds.call {
            count += u32::from(matches!(call_name(node, text), Some("if" | "unless")));
        } else if kind == kinds.binary_operator {
            count += u32::from(matches!(operator(node, text), "and" | "or" | "&&" | "||"));
        } else if kind == kinds.rescue_block || kind == kinds.catch_block {
            count += clause_count(node);
        } else if kind == kinds.do_block
            || kind == kinds.else_block
            || kind == kinds.anonymous_function
        {
            count += clause_count(node).saturating_sub(1);
        }
        true
    });
    count
}

fn clause_count(block: Node<'_>) -> u32 {
    let kinds = kinds();
    statements(block)
        .iter()
        .filter(|child| child.kind_id() == kinds.stab_clause)
        .count() as u32
}

/// Returns the deepest nesting of branching blocks and the line of the innermost one.
pub(crate) fn deepest(root: Node<'_>, text: &str) -> (u32, u32) {
    let mut open: Vec<usize> = Vec::new();
    let mut found = (0, 0);
    walk(root, |node| {
        while open.last().is_some_and(|end| *end <= node.start_byte()) {
            open.pop();
        }
        if matches!(
            call_name(node, text),
            Some("if" | "unless" | "case" | "cond" | "with" | "receive" | "try")
        ) {
            open.push(node.end_byte());
            if open.len() as u32 > found.0 {
                found = (open.len() as u32, node.start_position().row as u32 + 1);
            }
        }
        true
    });
    found
}

#[cfg(test)]
mod tests;
