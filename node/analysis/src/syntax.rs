//! Elixir text to a concrete tree, and questions about its nodes. Not: what the nodes mean together (`analyze`).

mod kinds;
mod node;
mod string;

pub(crate) use kinds::{Kinds, kinds};
pub(crate) use node::{
    alias_text, argument_nodes, arguments, call_name, do_block, keyword_pairs, keyword_value, left,
    line, named_children, operand, operator, remote_name, right, slice, span, statements, target,
    walk, without_do,
};
pub(crate) use string::string_value;

use std::cell::RefCell;
use std::ops::ControlFlow;
use tree_sitter::{Language, Node, ParseOptions, Parser, Point, Range, Tree};

/// Larger texts are not given to the parser; only the line scanner reads them.
pub const MAX_PARSED_BYTES: usize = 8 * 1024 * 1024;

/// Parser steps (each a few hundred table actions) allowed per byte of text, plus a floor for tiny texts.
/// Valid code needs less than one per hundred bytes; garbage can send error recovery astray.
const MAX_STEPS_PER_BYTE: usize = 4;
const MIN_STEPS: usize = 200_000;

/// At most this many errors are reported for one text.
const MAX_SYNTAX_ERRORS: usize = 50;

thread_local! {
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

/// A parsed text that owns both the text and the tree.
#[derive(Debug, Clone)]
pub struct SyntaxTree {
    text: String,
    tree: Tree,
}

impl SyntaxTree {
    /// Returns the root node (`source`, or `ERROR` when nothing fits).
    pub fn root(&self) -> Node<'_> {
        self.tree.root_node()
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text of one node of this tree.
    pub fn slice(&self, node: Node<'_>) -> &str {
        slice(node, &self.text)
    }

    /// Is true when something is wrong or missing anywhere.
    pub fn has_error(&self) -> bool {
        self.tree.root_node().has_error()
    }
}

/// One place where the text is not Elixir. Line and column are 1-based; the column counts bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SyntaxError {
    pub line: u32,
    pub column: u32,
    pub message: String,
}

/// Parses any text; never fails. Above [`MAX_PARSED_BYTES`] the tree is that of an empty text.
pub fn parse(text: &str) -> SyntaxTree {
    let text = if text.len() > MAX_PARSED_BYTES {
        ""
    } else {
        text
    };
    // Only a grammar of the wrong ABI yields no tree, and then nothing in this crate could work; the empty text keeps it total.
    loop {
        if let Some(tree) = parse_tree(text).or_else(|| parse_tree("")) {
            return SyntaxTree {
                text: text.to_owned(),
                tree,
            };
        }
    }
}

/// Lists what the parser could not read, in order, at most fifty entries. Empty for valid text.
pub fn syntax_errors(text: &str) -> Vec<SyntaxError> {
    if text.len() > MAX_PARSED_BYTES {
        return vec![SyntaxError {
            line: 1,
            column: 1,
            message: format!("file is larger than {MAX_PARSED_BYTES} bytes and was not parsed"),
        }];
    }
    let Some(tree) = parse_tree(text) else {
        return vec![SyntaxError {
            line: 1,
            column: 1,
            message: "parsing was given up: too many errors".into(),
        }];
    };
    let mut errors = Vec::new();
    if tree.root_node().has_error() {
        collect_errors(tree.root_node(), text, &mut errors);
        if errors.is_empty() {
            errors.push(hidden_error(tree.root_node()));
        }
    }
    errors
}

fn collect_errors(root: Node<'_>, text: &str, errors: &mut Vec<SyntaxError>) {
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        let report = node.is_error() || node.is_missing();
        if report {
            errors.push(describe_error(node, text));
            if errors.len() >= MAX_SYNTAX_ERRORS {
                return;
            }
        }
        // An error's inside is debris: its own parts say nothing more.
        if (!report || node == root) && node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// What is missing may be a token without a node of its own: then the innermost damaged node is the place.
fn hidden_error(root: Node<'_>) -> SyntaxError {
    let mut inner = root;
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if node.has_error() {
            inner = node;
            if cursor.goto_first_child() {
                continue;
            }
        }
        if !cursor.goto_next_sibling() {
            break;
        }
    }
    let position = inner.start_position();
    SyntaxError {
        line: position.row as u32 + 1,
        column: position.column as u32 + 1,
        message: format!("incomplete {}", inner.kind().replace('_', " ")),
    }
}

fn describe_error(node: Node<'_>, text: &str) -> SyntaxError {
    let position = node.start_position();
    let message = if node.is_missing() {
        format!("missing `{}`", node.kind())
    } else {
        let shown: String = slice(node, text)
            .lines()
            .next()
            .unwrap_or_default()
            .trim()
            .chars()
            .take(40)
            .collect();
        if shown.is_empty() {
            "unexpected end of input".to_owned()
        } else {
            format!("unexpected `{shown}`")
        }
    };
    SyntaxError {
        line: position.row as u32 + 1,
        column: position.column as u32 + 1,
        message,
    }
}

/// Parses without copying the text. `None` when the step limit is reached.
pub(crate) fn parse_tree(text: &str) -> Option<Tree> {
    with_parser(|parser| run(parser, text))
}

/// Parses only the given byte range of the text; positions stay those of the whole text.
pub(crate) fn parse_range(
    text: &str,
    bytes: std::ops::Range<usize>,
    start_row: usize,
) -> Option<Tree> {
    let part = text.get(bytes.clone())?;
    let start_column = text
        .get(..bytes.start)?
        .rfind('\n')
        .map_or(bytes.start, |at| bytes.start - at - 1);
    let rows = part.bytes().filter(|byte| *byte == b'\n').count();
    let end_column = part
        .rfind('\n')
        .map_or(start_column + part.len(), |at| part.len() - at - 1);
    let range = Range {
        start_byte: bytes.start,
        end_byte: bytes.end,
        start_point: Point {
            row: start_row,
            column: start_column,
        },
        end_point: Point {
            row: start_row + rows,
            column: end_column,
        },
    };
    with_parser(|parser| {
        parser.set_included_ranges(&[range]).ok()?;
        let tree = run(parser, text);
        // An empty list means "everything" again and cannot be refused.
        let _ = parser.set_included_ranges(&[]);
        tree
    })
}

fn run(parser: &mut Parser, text: &str) -> Option<Tree> {
    let bytes = text.as_bytes();
    let limit = MIN_STEPS.max(bytes.len().saturating_mul(MAX_STEPS_PER_BYTE));
    let mut steps = 0usize;
    let mut progress = |_: &tree_sitter::ParseState| {
        steps += 1;
        if steps > limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let tree = parser.parse_with_options(
        &mut |at, _| bytes.get(at..).unwrap_or_default(),
        None,
        Some(options),
    );
    if tree.is_none() {
        parser.reset();
    }
    tree
}

fn with_parser<T>(act: impl FnOnce(&mut Parser) -> Option<T>) -> Option<T> {
    PARSER.with_borrow_mut(|slot| {
        if slot.is_none() {
            let mut parser = Parser::new();
            parser.set_language(&language()).ok()?;
            *slot = Some(parser);
        }
        act(slot.as_mut()?)
    })
}

pub(crate) fn language() -> Language {
    tree_sitter_elixir::LANGUAGE.into()
}

#[cfg(test)]
mod tests;
