//! Broken files: what their indentation still tells.

use crate::chunk::ParserUsed;
use crate::module::FileAnalysis;

/// Adds what the tree of a broken file misses.
pub(crate) fn widen(analysis: &mut FileAnalysis, _text: &str) {
    analysis.parser = ParserUsed::Fallback;
}
