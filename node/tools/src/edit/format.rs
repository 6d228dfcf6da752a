//! Tells the patch formats apart and gives them one shape.

use super::{Change, Hunk, edit_error, patch, unified};
use crate::error::Error;

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// As the patch names it; empty when a bare unified diff names none.
    pub path: String,
    pub kind: FileEditKind,
}

/// The three things a patch can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEditKind {
    Create(String),
    Delete,
    Update(Vec<Hunk>),
}

impl FileEditKind {
    /// The same as a change of a text; `None` for a deletion.
    pub fn into_change(self) -> Option<Change> {
        match self {
            Self::Create(content) => Some(Change::Whole(content)),
            Self::Update(hunks) => Some(Change::Hunks(hunks)),
            Self::Delete => None,
        }
    }
}

/// Reads an apply-patch (`*** Begin Patch`) or a unified diff.
///
/// # Errors
/// [`Error::Edit`] when it is neither, or is cut short.
pub fn parse_patch(text: &str) -> Result<Vec<FileEdit>, Error> {
    let edits = if text.trim_start().starts_with("*** Begin Patch") {
        patch::parse(text)?
    } else if text.lines().any(|line| line.starts_with("@@")) {
        unified::parse(text)?
    } else {
        return Err(edit_error(
            "the patch is neither an apply-patch nor a unified diff".to_owned(),
            "begin with `*** Begin Patch`, or with `--- a/path` and `@@ -1,3 +1,4 @@`",
        ));
    };
    if edits.is_empty() {
        return Err(edit_error(
            "the patch names no file".to_owned(),
            "name the files to change",
        ));
    }
    Ok(edits)
}
