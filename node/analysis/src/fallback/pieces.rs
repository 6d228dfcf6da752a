//! A text cut into modules and statements by indentation alone.

use super::lines::{Line, lines};
use crate::chunk::Span;

/// Deeper nesting of modules is read as part of the statement around it.
const MAX_LEVELS: usize = 48;

/// Bytes from the start of a line to the end of one; lines are 1-based.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) start_byte: u32,
    pub(super) end_byte: u32,
    pub(super) start_line: u32,
    pub(super) end_line: u32,
    /// Leading blanks of the first line.
    indent: u32,
}

impl Range {
    pub(super) fn of<'s>(&self, text: &'s str) -> &'s str {
        text.get(self.start_byte as usize..self.end_byte as usize)
            .unwrap_or_default()
    }

    pub(super) fn start_row(&self) -> usize {
        self.start_line.saturating_sub(1) as usize
    }

    pub(super) fn span(&self) -> Span {
        Span {
            start_byte: self.start_byte + self.indent,
            end_byte: self.end_byte,
            start_line: self.start_line,
            end_line: self.end_line,
        }
    }
}

/// The line that begins a module.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) keyword: String,
    pub(super) name: String,
    /// What stands after `for:`, as written.
    pub(super) targets: Vec<String>,
    pub(super) range: Range,
}

/// What the cut yields, in the order of the text.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Module(Opening),
    Describe(Range),
    Statement(Range),
    Close { end_byte: u32, end_line: u32 },
}

/// Cuts a text. Every `Module` and `Describe` has its `Close`, except those still open at the end.
pub(super) fn cut(text: &str) -> Vec<Piece> {
    let mut cutter = Cutter {
        levels: Vec::new(),
        current: None,
        last: None,
        pieces: Vec::new(),
    };
    for line in lines(text) {
        cutter.take(&line);
        cutter.last = Some((line.end_byte, line.number));
    }
    cutter.flush();
    cutter.pieces
}

struct Level {
    indent: usize,
    /// Indentation of its statements, once one was seen.
    body: Option<usize>,
}

struct Cutter {
    levels: Vec<Level>,
    /// Start byte, line and indentation of the statement being gathered.
    current: Option<(usize, u32, usize)>,
    /// End byte and number of the last line that was not empty.
    last: Option<(usize, u32)>,
    pieces: Vec<Piece>,
}

impl Cutter {
    fn take(&mut self, line: &Line<'_>) {
        if line.quoted {
            return;
        }
        let word = line.word();
        if matches!(word, "defmodule" | "defprotocol" | "defimpl") && self.opens_module(line) {
            return self.open(line, word);
        }
        if word == "end"
            && line.text != "end:"
            && self
                .levels
                .last()
                .is_some_and(|level| line.indent <= level.indent)
        {
            return self.end(line);
        }
        let floor = self.levels.last().map(|level| level.indent);
        if floor.is_some_and(|floor| line.indent <= floor) || continues(line.text, word) {
            return;
        }
        let body = match self.levels.last_mut() {
            Some(level) => *level.body.get_or_insert(line.indent),
            None => 0,
        };
        if line.indent <= body || self.current.is_none() {
            self.flush();
            if word == "describe" && line.text.ends_with(" do") && self.levels.len() < MAX_LEVELS {
                self.pieces.push(Piece::Describe(range_of(line)));
                self.levels.push(Level {
                    indent: line.indent,
                    body: None,
                });
            } else {
                self.current = Some((line.start_byte, line.number, line.indent));
            }
        }
    }

    /// A module inside a function's body belongs to that body; one at or left of the statements begins anew.
    fn opens_module(&self, line: &Line<'_>) -> bool {
        let in_statement = self
            .current
            .is_some_and(|(_, _, indent)| indent < line.indent);
        line.text.ends_with(" do") && !in_statement && self.levels.len() < MAX_LEVELS
    }

    fn open(&mut self, line: &Line<'_>, keyword: &str) {
        self.flush();
        while self
            .levels
            .last()
            .is_some_and(|level| level.indent >= line.indent)
        {
            self.pop();
        }
        if let Some(level) = self.levels.last_mut() {
            level.body.get_or_insert(line.indent);
        }
        let rest = line.text[keyword.len()..].trim_start_matches([' ', '(']);
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | ':'))
            .collect();
        let targets = rest
            .split_once("for:")
            .map(|(_, list)| written_targets(list))
            .unwrap_or_default();
        self.pieces.push(Piece::Module(Opening {
            keyword: keyword.to_owned(),
            name,
            targets,
            range: range_of(line),
        }));
        self.levels.push(Level {
            indent: line.indent,
            body: None,
        });
    }

    fn end(&mut self, line: &Line<'_>) {
        self.flush();
        // This line is the end of the innermost level at its own indentation.
        while self
            .levels
            .last()
            .is_some_and(|level| level.indent > line.indent)
        {
            self.pop();
        }
        if self
            .levels
            .last()
            .is_some_and(|level| level.indent == line.indent)
        {
            self.levels.pop();
            self.pieces.push(Piece::Close {
                end_byte: line.end_byte as u32,
                end_line: line.number,
            });
        }
    }

    fn pop(&mut self) {
        self.levels.pop();
        let (end, number) = self.last.unwrap_or_default();
        self.pieces.push(Piece::Close {
            end_byte: end as u32,
            end_line: number,
        });
    }

    fn flush(&mut self) {
        if let (Some((start, number, indent)), Some((end, last))) = (self.current.take(), self.last)
        {
            self.pieces.push(Piece::Statement(Range {
                start_byte: start as u32,
                end_byte: end as u32,
                start_line: number,
                end_line: last,
                indent: indent as u32,
            }));
        }
    }
}

fn range_of(line: &Line<'_>) -> Range {
    Range {
        start_byte: line.start_byte as u32,
        end_byte: line.end_byte as u32,
        start_line: line.number,
        end_line: line.number,
        indent: line.indent as u32,
    }
}

fn written_targets(list: &str) -> Vec<String> {
    list.trim_end_matches(" do")
        .split(',')
        .map(|target| target.trim_matches([' ', '[', ']', '(', ')']).to_owned())
        .filter(|target| target.starts_with(|c: char| c.is_ascii_uppercase() || c == '_'))
        .collect()
}

/// Lines that go on with the statement above although they stand at its indentation.
fn continues(text: &str, word: &str) -> bool {
    matches!(
        word,
        "end" | "else" | "rescue" | "catch" | "after" | "do" | "when" | "and" | "or" | "in"
    ) || text.starts_with([')', ']', '}', '|', ',', '"', '\''])
        || [">>", "->", "<>", "++", "&&", "=="]
            .iter()
            .any(|token| text.starts_with(token))
}
