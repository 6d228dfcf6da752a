//! What a file, module or function is and does, said from the code alone: every statement carries its place.
//!
//! No model and no guess: what the text does not show is not said.

mod function;
mod markdown;
mod module;
mod prose;
mod reach;
mod role;
mod run_time;
mod surroundings;

pub use markdown::render_markdown;

pub(crate) use prose::{first_line, first_paragraph};

use crate::chunk::{Chunk, ChunkKind, ParserUsed};
use crate::graph::{CodeGraph, Target};
use crate::module::{FileAnalysis, ModuleInfo};
use crate::sources::SourceText;
use crate::syntax::syntax_errors;
use serde::{Deserialize, Serialize};

/// Most entries of one list; the rest is counted.
const MAX_LISTED: usize = 40;
/// Most modules of one file that are explained in full.
const MAX_MODULES: usize = 12;

/// A place that shows a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    pub path: String,
    /// 1-based.
    pub line: u32,
}

/// One statement, as Markdown, with where it can be seen and what belongs below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub text: String,
    pub evidence: Vec<Evidence>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Fact>,
}

/// Statements under one heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub title: String,
    pub facts: Vec<Fact>,
}

/// An explanation, ready to be shown or searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What was explained: path, module or `Module.name/arity`.
    pub subject: String,
    /// One sentence.
    pub headline: String,
    pub evidence: Vec<Evidence>,
    pub sections: Vec<Section>,
}

/// Explains a target. An unknown one gives an explanation that says so.
pub fn explain(graph: &CodeGraph, sources: &dyn SourceText, target: &Target) -> Explanation {
    let reader = Reader { graph, sources };
    let found = match target {
        Target::File { path } => reader.file(path),
        Target::Line { path, line } => reader.line(path, *line),
        Target::Module { name } => graph
            .module(name)
            .map(|(info, file)| reader.module(info, file)),
        Target::Function {
            module,
            name,
            arity,
        } => graph
            .function(module, name, *arity)
            .and_then(|chunk| reader.function(chunk, *arity)),
    };
    found.unwrap_or_else(|| Explanation {
        subject: format!("{target:?}"),
        headline: "This is not in the index.".to_owned(),
        evidence: Vec::new(),
        sections: Vec::new(),
    })
}

/// What the parts of an explanation are read from.
struct Reader<'a> {
    graph: &'a CodeGraph,
    sources: &'a dyn SourceText,
}

impl Reader<'_> {
    fn module(&self, info: &ModuleInfo, file: &FileAnalysis) -> Explanation {
        let mut sections = self.damage(file);
        sections.extend(module::sections(self, info, file));
        Explanation {
            subject: info.name.clone(),
            headline: module::headline(self, info, file),
            evidence: vec![at(&file.path, info.span.start_line)],
            sections,
        }
    }

    fn function(&self, chunk: &Chunk, arity: u8) -> Option<Explanation> {
        let (_, file) = self.graph.chunk(&chunk.id)?;
        let mut sections = self.damage(file);
        sections.extend(function::sections(self, chunk, file, arity));
        Some(Explanation {
            subject: format!("{}.{}/{arity}", chunk.module, chunk.name),
            headline: function::headline(chunk, arity),
            evidence: vec![at(&file.path, first_line_of(chunk))],
            sections,
        })
    }

    fn file(&self, path: &str) -> Option<Explanation> {
        let file = self.graph.file(path)?;
        if let [only] = file.modules.as_slice() {
            let mut explanation = self.module(only, file);
            path.clone_into(&mut explanation.subject);
            return Some(explanation);
        }
        let tests = file
            .chunks
            .iter()
            .filter(|c| matches!(c.kind, ChunkKind::Test { .. }))
            .count();
        let tests = if tests == 0 {
            String::new()
        } else {
            format!(", {tests} tests")
        };
        let headline = match file.modules.len() {
            0 => format!(
                "`{path}` defines no module; it has {} lines of script{tests}.",
                file.lines
            ),
            many => format!(
                "`{path}` defines {many} modules in {} lines{tests}.",
                file.lines
            ),
        };
        let mut sections = self.damage(file);
        for info in file.modules.iter().take(MAX_MODULES) {
            let own = self.module(info, file);
            let headline = Fact {
                text: own.headline,
                evidence: own.evidence,
                details: Vec::new(),
            };
            sections.push(Section {
                title: format!("`{}`", info.name),
                facts: vec![headline],
            });
            let parts = own.sections.into_iter().filter(|s| s.title != DAMAGE);
            sections.extend(parts.map(|s| Section {
                title: format!("`{}`: {}", info.name, s.title),
                facts: s.facts,
            }));
        }
        Some(Explanation {
            subject: path.to_owned(),
            headline,
            evidence: vec![at(path, 1)],
            sections,
        })
    }

    fn line(&self, path: &str, line: u32) -> Option<Explanation> {
        let chunk = self.graph.chunk_at(path, line);
        match chunk.map(|chunk| (&chunk.kind, chunk)) {
            Some((ChunkKind::Function { .. }, chunk)) => self.function(chunk, chunk.arity.1),
            Some((ChunkKind::Test { .. }, chunk)) => {
                let file = self.graph.file(path)?;
                Some(function::test(self, chunk, file))
            }
            Some((_, chunk)) if !chunk.module.is_empty() => {
                let (info, file) = self.graph.module(&chunk.module)?;
                Some(self.module(info, file))
            }
            _ => self.file(path),
        }
    }

    /// Says that a file does not parse, and where.
    fn damage(&self, file: &FileAnalysis) -> Vec<Section> {
        if !file.has_error {
            return Vec::new();
        }
        let text = self.sources.text(&file.path).unwrap_or_default();
        let errors = syntax_errors(&text);
        let line = errors.first().map_or(1, |e| e.line);
        let scanner = if file.parser == ParserUsed::Fallback
            || file.chunks.iter().any(|c| c.parser == ParserUsed::Fallback)
        {
            "; what follows was partly read from its indentation"
        } else {
            ""
        };
        let mut facts = vec![fact(
            format!("The file does not parse{scanner}."),
            &file.path,
            line,
        )];
        facts.extend(errors.iter().take(5).map(|e| {
            fact(
                format!("Column {}: {}", e.column, e.message),
                &file.path,
                e.line,
            )
        }));
        vec![Section {
            title: DAMAGE.to_owned(),
            facts,
        }]
    }
}

/// Heading of what is wrong with the text itself.
const DAMAGE: &str = "Broken";

fn at(path: &str, line: u32) -> Evidence {
    Evidence {
        path: path.to_owned(),
        line,
    }
}

fn fact(text: String, path: &str, line: u32) -> Fact {
    Fact {
        text,
        evidence: vec![at(path, line)],
        details: Vec::new(),
    }
}

/// Keeps a list readable: the rest is counted in a last entry.
fn shortened(mut facts: Vec<Fact>, what: &str) -> Vec<Fact> {
    if facts.len() > MAX_LISTED {
        let rest = facts.split_off(MAX_LISTED);
        let evidence = rest.first().map(|f| f.evidence.clone()).unwrap_or_default();
        facts.push(Fact {
            text: format!("… and {} more {what}", rest.len()),
            evidence,
            details: Vec::new(),
        });
    }
    facts
}

/// First line of a chunk, attributes above it included.
fn first_line_of(chunk: &Chunk) -> u32 {
    chunk.spans.first().map_or(1, |span| span.start_line)
}

#[cfg(test)]
mod tests;
