//! What looks risky or needlessly hard, with the reason and the way out.
//!
//! A rule reports only what it can be sure of from the text: a missed case costs less than a false alarm.
//! One file per rule; [`RULES`] lists them all.

mod atoms;
mod deadlock;
mod docs;
mod idioms;
mod messages;
mod nesting;
mod processes;
mod rescue;
mod size;
mod sleep;
mod unused;

use crate::analyze::{Located, definitions};
use crate::chunk::{Chunk, ChunkKind};
use crate::graph::CodeGraph;
use crate::module::{FileAnalysis, ModuleInfo};
use crate::sources::SourceText;
use crate::syntax::{SyntaxTree, call_name, parse};
use serde::{Deserialize, Serialize};
use tree_sitter::Node;

/// At most this many findings for one file.
const MAX_FINDINGS_PER_FILE: usize = 200;

/// Ancestors looked at from one place; each costs a descent from the root.
const MAX_ANCESTORS: usize = 100;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Style or completeness.
    Hint,
    /// May go wrong or hides what goes wrong.
    Warning,
    /// Goes wrong whenever it runs.
    Error,
}

/// One place and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the rule, stable.
    pub rule: String,
    pub severity: Severity,
    pub path: String,
    pub line: u32,
    pub module: String,
    /// `name/arity`, a test's name, or empty at module level.
    pub function: String,
    /// What is there.
    pub message: String,
    /// Why it matters.
    pub reason: String,
    /// What to do instead.
    pub fix: String,
}

/// A rule: what it looks for and how it looks.
pub struct Rule {
    pub name: &'static str,
    pub severity: Severity,
    /// One sentence for lists of rules.
    pub summary: &'static str,
    reason: &'static str,
    fix: &'static str,
    check: fn(&Subject<'_>, &mut Vec<Hit>),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Rule")
            .field("name", &self.name)
            .field("severity", &self.severity)
            .finish_non_exhaustive()
    }
}

/// All rules, in the order of their names.
pub const RULES: &[Rule] = &[
    idioms::RULE,
    size::COMPLEX_FUNCTION,
    nesting::RULE,
    atoms::RULE,
    size::RULE,
    docs::RULE,
    rescue::RULE,
    deadlock::RULE,
    sleep::RULE,
    messages::RULE,
    processes::RULE,
    unused::RULE,
];

/// What a rule found, before the file's facts are added.
struct Hit {
    line: u32,
    message: String,
    /// Instead of the rule's general advice.
    fix: Option<String>,
}

impl Hit {
    fn new(line: u32, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
            fix: None,
        }
    }

    fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// What a rule looks at: one file and the project around it.
struct Subject<'a> {
    graph: &'a CodeGraph,
    file: &'a FileAnalysis,
    tree: &'a SyntaxTree,
    clauses: Vec<Located<'a>>,
}

impl<'a> Subject<'a> {
    fn text(&self) -> &'a str {
        self.tree.text()
    }

    fn root(&self) -> Node<'a> {
        self.tree.root()
    }

    fn is_test(&self) -> bool {
        self.file.path.ends_with("_test.exs")
            || self.file.path.starts_with("test/")
            || self.file.path.contains("/test/")
    }

    /// Scripts, configuration, Mix tasks and tests run once, by their author.
    fn is_tooling(&self) -> bool {
        self.is_test() || self.file.path.ends_with(".exs") || self.file.path.contains("mix/tasks/")
    }

    fn module(&self, name: &str) -> Option<&'a ModuleInfo> {
        self.file.modules.iter().find(|module| module.name == name)
    }

    fn uses(&self, module: &str, wanted: &str) -> bool {
        self.module(module).is_some_and(|info| {
            info.uses.iter().any(|used| used.module == wanted)
                || info.behaviours.iter().any(|own| own == wanted)
        })
    }
}

/// Checks one file against every rule; the text must be the one analysed. Files that do not parse yield nothing.
pub fn of_file(graph: &CodeGraph, file: &FileAnalysis, text: &str) -> Vec<Finding> {
    if file.has_error {
        return Vec::new();
    }
    let tree = parse(text);
    let subject = Subject {
        graph,
        file,
        tree: &tree,
        clauses: definitions(file, &tree),
    };
    let mut findings = Vec::new();
    for rule in RULES {
        let mut hits = Vec::new();
        (rule.check)(&subject, &mut hits);
        findings.extend(hits.into_iter().map(|hit| finding(rule, file, hit)));
    }
    findings.sort_by(|left, right| (left.line, &left.rule).cmp(&(right.line, &right.rule)));
    findings.truncate(MAX_FINDINGS_PER_FILE);
    findings
}

/// Checks a whole project, file by file in the order of the paths.
pub fn of_project(graph: &CodeGraph, sources: &dyn SourceText) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in graph.files() {
        if let Some(text) = sources.text(&file.path) {
            findings.extend(of_file(graph, file, &text));
        }
    }
    findings
}

fn finding(rule: &Rule, file: &FileAnalysis, hit: Hit) -> Finding {
    let chunk = innermost(file, hit.line);
    let function = chunk.map(function_name).unwrap_or_default();
    Finding {
        rule: rule.name.to_owned(),
        severity: rule.severity,
        path: file.path.clone(),
        line: hit.line,
        module: chunk.map(|chunk| chunk.module.clone()).unwrap_or_default(),
        function,
        message: hit.message,
        reason: rule.reason.to_owned(),
        fix: hit.fix.unwrap_or_else(|| rule.fix.to_owned()),
    }
}

fn innermost(file: &FileAnalysis, line: u32) -> Option<&Chunk> {
    let covering = file.chunks.iter().filter_map(|chunk| {
        let span = chunk
            .spans
            .iter()
            .find(|span| (span.start_line..=span.end_line).contains(&line))?;
        Some((span.end_byte - span.start_byte, chunk))
    });
    covering
        .min_by_key(|(size, _)| *size)
        .map(|(_, chunk)| chunk)
}

fn function_name(chunk: &Chunk) -> String {
    match chunk.kind {
        ChunkKind::Function { .. } => format!("{}/{}", chunk.name, chunk.arity.1),
        ChunkKind::Test { .. } => chunk.name.clone(),
        _ => String::new(),
    }
}

/// Returns true when a node stands inside an anonymous function or a `quote` below `root`.
fn is_deferred(node: Node<'_>, root: Node<'_>, text: &str) -> bool {
    ancestors(node, root).any(|outer| {
        outer.kind() == "anonymous_function" || call_name(outer, text) == Some("quote")
    })
}

/// Returns true when a node stands inside a `quote` below `root`.
fn is_quoted(node: Node<'_>, root: Node<'_>, text: &str) -> bool {
    ancestors(node, root).any(|outer| call_name(outer, text) == Some("quote"))
}

/// The nodes around a node, innermost first, up to but without `root`.
fn ancestors<'t>(node: Node<'t>, root: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    std::iter::successors(node.parent(), |outer| outer.parent())
        .take_while(move |outer| *outer != root)
        .take(MAX_ANCESTORS)
}

#[cfg(test)]
mod tests;
