//! One file's text to its modules, chunks and calls. Not: anything that needs a second file (`graph`).

mod attributes;
mod body;
mod calls;
mod containers;
mod definitions;
mod directives;
mod environment;
mod head;
mod located;
mod modules;
mod statements;
mod tests_dsl;
mod walker;
mod written;

pub(crate) use head::parse_head;
pub(crate) use located::{Located, definitions};
pub(crate) use walker::{Scope, Walker};

use crate::chunk::ParserUsed;
use crate::fallback;
use crate::module::FileAnalysis;
use crate::syntax::{self, MAX_PARSED_BYTES};

/// Analyses any text as Elixir; never fails. What does not parse is read by its indentation instead.
///
/// The result says which parser was used, for the file and for each chunk. Offsets are 32 bit: of a text above 4 GiB only the size is kept.
pub fn analyze_file(path: &str, text: &str) -> FileAnalysis {
    let Ok(size_bytes) = u32::try_from(text.len()) else {
        return empty(path, u32::MAX);
    };
    let tree = if text.len() > MAX_PARSED_BYTES {
        None
    } else {
        syntax::parse_tree(text)
    };
    let mut walker = Walker::new(path, text);
    let has_error = tree
        .as_ref()
        .is_none_or(|tree| tree.root_node().has_error());
    if let Some(tree) = &tree {
        walker.source(tree.root_node());
    }
    let mut analysis = walker.finish(size_bytes);
    if has_error {
        analysis.has_error = true;
        fallback::widen(&mut analysis, text);
    }
    analysis
}

fn empty(path: &str, size_bytes: u32) -> FileAnalysis {
    FileAnalysis {
        path: path.to_owned(),
        size_bytes,
        lines: 0,
        parser: ParserUsed::Fallback,
        has_error: true,
        modules: Vec::new(),
        chunks: Vec::new(),
        calls: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
