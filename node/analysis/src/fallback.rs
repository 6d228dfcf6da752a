//! Broken files: what their indentation still tells.
//!
//! One missing `end` makes the grammar lose half of a file. Formatted code shows its structure a second time, by its
//! indentation: the text is cut into statements there, each statement is parsed alone, and only those that are
//! themselves broken are read by their first line. What the whole tree found besides is added.

mod head;
mod lines;
mod pieces;

pub(crate) use head::{Scanned, What};

use crate::analyze::{Scope, Walker};
use crate::chunk::{Chunk, ChunkKind, FunctionKind, ParserUsed, Span};
use crate::module::{FileAnalysis, ModuleForm};
use crate::syntax::{parse_range, statements};
use pieces::{Opening, Piece, Range};
use std::collections::HashSet;

/// Replaces the analysis of a broken file by the union of both readings.
pub(crate) fn widen(analysis: &mut FileAnalysis, text: &str) {
    let scanned = scan(&analysis.path, text, analysis.size_bytes);
    let whole = std::mem::replace(analysis, scanned);
    analysis.has_error = true;
    analysis.parser = ParserUsed::Fallback;
    add_missing(analysis, whole);
}

fn scan(path: &str, text: &str, size_bytes: u32) -> FileAnalysis {
    let mut reader = Reader {
        walker: Walker::new(path, text),
        text,
        open: vec![Level {
            scope: Scope::default(),
            mark: 0,
            module: None,
            describes: false,
        }],
    };
    for piece in pieces::cut(text) {
        match piece {
            Piece::Module(opening) => reader.module(opening),
            Piece::Describe(range) => reader.describe(range),
            Piece::Statement(range) => reader.statement(range),
            Piece::Close { end_byte, end_line } => reader.close(end_byte, end_line),
        }
    }
    let end = (size_bytes, lines::count(text));
    while reader.open.len() > 1 {
        reader.close(end.0, end.1);
    }
    reader.walker.finish(size_bytes)
}

/// One open module or `describe`.
struct Level {
    scope: Scope,
    mark: usize,
    module: Option<usize>,
    describes: bool,
}

struct Reader<'s> {
    walker: Walker<'s>,
    text: &'s str,
    open: Vec<Level>,
}

impl Reader<'_> {
    fn module(&mut self, opening: Opening) {
        let Some(level) = self.open.last() else {
            return;
        };
        let names = self.walker.written_names(
            &level.scope,
            &opening.keyword,
            &opening.name,
            &opening.targets,
        );
        let Some(first) = names.first().cloned() else {
            return;
        };
        let form = match opening.keyword.as_str() {
            "defimpl" => {
                let protocol = self.walker.resolve(&opening.name);
                let target = first
                    .strip_prefix(&format!("{protocol}."))
                    .unwrap_or(&first)
                    .to_owned();
                ModuleForm::Implementation { protocol, target }
            }
            "defprotocol" => ModuleForm::Protocol,
            _ => ModuleForm::Module,
        };
        let mark = self.walker.mark();
        let span = opening.range.span();
        let (scope, module) = self.walker.open_written(&level.scope, &names, form, span);
        self.open.push(Level {
            scope,
            mark,
            module: Some(module),
            describes: false,
        });
    }

    fn describe(&mut self, range: Range) {
        let label = head::quoted(range.of(self.text)).unwrap_or_default();
        let mark = self.walker.mark();
        if let Some(level) = self.open.last_mut() {
            // The module's own scope goes on inside; only the label is new.
            let mut scope = std::mem::take(&mut level.scope);
            scope.set_describe(Some(label));
            self.open.push(Level {
                scope,
                mark,
                module: None,
                describes: true,
            });
        }
    }

    fn close(&mut self, end_byte: u32, end_line: u32) {
        if self.open.len() < 2 {
            return;
        }
        let Some(mut level) = self.open.pop() else {
            return;
        };
        self.walker.leave(level.mark);
        if level.describes {
            level.scope.set_describe(None);
            if let Some(outer) = self.open.last_mut() {
                outer.scope = level.scope;
            }
            return;
        }
        self.walker.close(&mut level.scope);
        if let (Some(module), Some(outer)) = (level.module, self.open.last_mut()) {
            self.walker
                .end_written(&mut outer.scope, module, (end_byte, end_line));
        }
    }

    fn statement(&mut self, range: Range) {
        let Some(level) = self.open.last_mut() else {
            return;
        };
        let tree = parse_range(
            self.text,
            range.start_byte as usize..range.end_byte as usize,
            range.start_row(),
        );
        if let Some(tree) = tree.filter(|tree| !tree.root_node().has_error()) {
            for statement in statements(tree.root_node()) {
                self.walker.statement(&mut level.scope, statement);
            }
            return;
        }
        self.walker.set_parser(ParserUsed::Fallback);
        for found in head::definitions(range.of(self.text)) {
            let span = if found.first {
                range.span()
            } else {
                let start = range.start_byte + found.offset;
                let line = range.start_line + found.line;
                Span {
                    start_byte: start,
                    end_byte: start + found.length,
                    start_line: line,
                    end_line: line,
                }
            };
            self.walker.scanned(&mut level.scope, &found, span);
        }
        self.walker.set_parser(ParserUsed::TreeSitter);
    }
}

/// Adds functions, tests and modules that only the whole tree has.
fn add_missing(analysis: &mut FileAnalysis, whole: FileAnalysis) {
    let known: HashSet<Key> = analysis.chunks.iter().filter_map(key).collect();
    let modules: HashSet<String> = analysis
        .modules
        .iter()
        .map(|module| module.name.clone())
        .collect();
    let mut added = HashSet::new();
    for chunk in whole.chunks {
        let Some(own) = key(&chunk) else { continue };
        if !known.contains(&own) && !misplaced(&chunk.module, &modules) {
            added.insert(chunk.id.clone());
            analysis.chunks.push(chunk);
        }
    }
    let used: HashSet<&str> = analysis
        .chunks
        .iter()
        .map(|chunk| chunk.module.as_str())
        .collect();
    for module in whole.modules {
        if !modules.contains(&module.name) && used.contains(module.name.as_str()) {
            analysis.modules.push(module);
        }
    }
    analysis.calls.extend(
        whole
            .calls
            .into_iter()
            .filter(|call| added.contains(&call.from_chunk)),
    );
    analysis.calls.sort_by_key(|call| call.name_start_byte);
}

/// The damaged tree often loses the outer module: `Error` for what is `Shop.Error`.
fn misplaced(module: &str, known: &HashSet<String>) -> bool {
    let ending = format!(".{module}");
    module.is_empty() || known.iter().any(|name| name.ends_with(&ending))
}

type Key = (String, Option<FunctionKind>, String, u8);

fn key(chunk: &Chunk) -> Option<Key> {
    match &chunk.kind {
        ChunkKind::Function { function } => Some((
            chunk.module.clone(),
            Some(*function),
            chunk.name.clone(),
            chunk.arity.1,
        )),
        ChunkKind::Test { description } => {
            Some((chunk.module.clone(), None, description.clone(), 0))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
