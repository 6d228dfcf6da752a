//! Refactorings as plans: splices into files, with the hash of what they were made for. Nothing is written here.

mod checks;
mod documentation;
mod rename;
mod sites;

pub use rename::rename_function;

use serde::{Deserialize, Serialize};

/// Replaces the bytes `start..end` by `text`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Splice {
    pub start: u32,
    pub end: u32,
    pub text: String,
}

/// The splices of one file, ascending and apart from each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEdit {
    pub path: String,
    /// BLAKE3 of the text the splices fit, in hex.
    pub before_hash: String,
    pub splices: Vec<Splice>,
}

/// A place that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    pub path: String,
    /// 1-based.
    pub line: u32,
    pub message: String,
}

/// Everything a rename changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenamePlan {
    /// The functions renamed, `Module.name/arity`: one, or a callback with its implementations.
    pub renamed: Vec<String>,
    pub new_name: String,
    pub edits: Vec<FileEdit>,
    pub warnings: Vec<Warning>,
}

impl RenamePlan {
    /// Counts the places that change.
    pub fn places(&self) -> usize {
        self.edits.iter().map(|edit| edit.splices.len()).sum()
    }
}

/// Applies splices to the text they were made for; `None` when one lies outside or they overlap.
pub fn apply(text: &str, splices: &[Splice]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0usize;
    for splice in splices {
        out.push_str(text.get(at..splice.start as usize)?);
        text.get(splice.start as usize..splice.end as usize)?;
        out.push_str(&splice.text);
        at = splice.end as usize;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

#[cfg(test)]
mod tests;
