//! Where the text of a file comes from. This crate opens no file itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Gives the text of files by the path the graph knows them under.
pub trait SourceText {
    /// Returns the current text; `None` when there is none.
    fn text(&self, path: &str) -> Option<Cow<'_, str>>;
}

impl SourceText for BTreeMap<String, String> {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        self.get(path).map(|text| Cow::Borrowed(text.as_str()))
    }
}

impl SourceText for HashMap<String, String> {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        self.get(path).map(|text| Cow::Borrowed(text.as_str()))
    }
}
