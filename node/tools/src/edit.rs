//! The edit engine: a text and a change in, the new text out. Pure; touches no file.
//!
//! Every format becomes splices of the text as it was before the call. A splice is placed only where
//! the old text is found once; how well it matched is labelled, and nothing is placed by its first and
//! last line alone. Bytes that no splice covers stay as they are, line endings included.

mod diff;
mod format;
mod locate;
mod merge;
mod mismatch;
mod patch;
mod source;
mod unified;

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

pub use diff::unified_diff;
pub use format::{FileEdit, FileEditKind, parse_patch};
pub use merge::three_way;

use crate::error::Error;
use source::Source;

/// Most replacements or hunks in one call.
pub const EDITS_MAX: usize = 200;

/// How well the old text matched the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Byte for byte, but for the file's own line endings.
    Exact,
    /// But for blanks at line ends.
    TrailingWhitespace,
    /// But for one indentation that all its lines share.
    Indentation,
    /// Placed in the version last seen and merged into the present one.
    Merged,
}

impl fmt::Display for Grade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Exact => "exact",
            Self::TrailingWhitespace => "trailing white space",
            Self::Indentation => "indentation shifted",
            Self::Merged => "merged from the version last seen",
        })
    }
}

/// One search/replace pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    pub old: String,
    pub new: String,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HunkLine {
    Context(String),
    Removed(String),
    Added(String),
}

/// A run of lines from a patch, and what the patch says about where it belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hunk {
    pub lines: Vec<HunkLine>,
    /// A line the hunk comes after; chooses among equal places, never makes one.
    pub anchor: Option<String>,
    /// The first old line's number, from 1; chooses among equal places, never makes one.
    pub line: Option<usize>,
    /// The hunk ends where the file ends.
    pub at_end: bool,
}

/// What to do to one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Replace(Vec<Replacement>),
    Hunks(Vec<Hunk>),
    Whole(String),
}

/// The new text and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub content: String,
    /// One per replacement or hunk, in their order.
    pub grades: Vec<Grade>,
}

/// Replaces a stretch of the old text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Splice {
    range: Range<usize>,
    text: String,
    grade: Grade,
}

/// Applies a change to a text.
///
/// # Errors
/// [`Error::Edit`] when an old text is absent (with the first differing line and up to three candidates),
/// ambiguous (with the line numbers), empty, or overlaps another; or when nothing would change.
pub fn apply(text: &str, change: &Change) -> Result<Applied, Error> {
    let splices = match change {
        Change::Whole(content) => {
            if content == text {
                return Err(nothing_changes());
            }
            return Ok(Applied {
                content: content.clone(),
                grades: vec![Grade::Exact],
            });
        }
        Change::Replace(pairs) => place_all(text, pairs.iter().map(Wanted::Pair))?,
        Change::Hunks(hunks) => place_all(text, hunks.iter().map(Wanted::Hunk))?,
    };
    let grades = splices.iter().map(|splice| splice.grade).collect();
    let content = splice_all(text, splices)?;
    if content == text {
        return Err(nothing_changes());
    }
    Ok(Applied { content, grades })
}

enum Wanted<'a> {
    Pair(&'a Replacement),
    Hunk(&'a Hunk),
}

fn place_all<'a>(
    text: &str,
    wanted: impl ExactSizeIterator<Item = Wanted<'a>>,
) -> Result<Vec<Splice>, Error> {
    let count = wanted.len();
    if count == 0 || count > EDITS_MAX {
        return Err(edit_error(
            format!("{count} edits were given; 1 to {EDITS_MAX} are possible"),
            "split the change into several calls",
        ));
    }
    let source = Source::new(text);
    wanted
        .enumerate()
        .map(|(index, wanted)| {
            let splice = match wanted {
                Wanted::Pair(pair) => locate::pair(&source, pair),
                Wanted::Hunk(hunk) => locate::hunk(&source, hunk),
            };
            splice.map_err(|problem| problem.into_error(&source, index, count))
        })
        .collect()
}

fn splice_all(text: &str, mut splices: Vec<Splice>) -> Result<String, Error> {
    splices.sort_by_key(|splice| splice.range.start);
    let mut content = String::with_capacity(text.len());
    let mut done = 0;
    for splice in splices {
        if splice.range.start < done {
            return Err(edit_error(
                format!(
                    "two edits overlap at line {}",
                    Source::new(text).line_number(splice.range.start)
                ),
                "join edits that touch the same lines; each is placed in the text as it was before the call",
            ));
        }
        content.push_str(&text[done..splice.range.start]);
        content.push_str(&splice.text);
        done = splice.range.end;
    }
    content.push_str(&text[done..]);
    Ok(content)
}

fn nothing_changes() -> Error {
    edit_error(
        "the edit changes nothing".to_owned(),
        "the file already holds the new text",
    )
}

fn edit_error(message: String, hint: &'static str) -> Error {
    Error::Edit { message, hint }
}

#[cfg(test)]
mod tests;
