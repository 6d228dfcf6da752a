//! How to put the files of a turn back.

use crate::error::Error;
use crate::event::Content;
use crate::ids::TurnNumber;
use crate::projections::{FileChanges, TurnChanges};
use std::collections::BTreeMap;

/// One file to put back. `None` means the file does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoStep {
    pub path: String,
    /// What the file must hold now; anything else was written since and is not ours to overwrite.
    pub expected: Option<String>,
    /// What to put there.
    pub restore: Option<String>,
}

/// Plans the undo of a turn; 0 means the last turn that changed files and was not undone.
/// One step per path, from the content before the turn's first change to that after its last.
///
/// # Errors
/// [`Error::NothingToUndo`] when there is no such turn, it changed nothing or was undone;
/// [`Error::ContentMissing`] when a content was not resolved from the blob store.
pub fn undo_plan(changes: &FileChanges, turn: TurnNumber) -> Result<Vec<UndoStep>, Error> {
    let number = match turn {
        0 => changes.last_undoable().ok_or_else(|| {
            Error::NothingToUndo("no turn changed a file that is not undone".to_owned())
        })?,
        named => named,
    };
    let turn = changes
        .turns
        .get(&number)
        .filter(|turn| !turn.files.is_empty());
    let Some(turn) = turn else {
        return Err(Error::NothingToUndo(format!(
            "turn {number} changed no file"
        )));
    };
    if let Some(by) = turn.undone_by {
        return Err(Error::NothingToUndo(format!(
            "turn {number} was undone by turn {by}"
        )));
    }
    plan(turn)
}

fn plan(turn: &TurnChanges) -> Result<Vec<UndoStep>, Error> {
    let mut paths: BTreeMap<&str, (Option<&Content>, Option<&Content>)> = BTreeMap::new();
    for file in &turn.files {
        let first = (file.before.as_ref(), None);
        let ends = paths.entry(&file.path).or_insert(first);
        ends.1 = file.after.as_ref();
    }
    let mut steps = Vec::new();
    for (path, (before, after)) in paths {
        let step = UndoStep {
            path: path.to_owned(),
            expected: text(path, after)?,
            restore: text(path, before)?,
        };
        if step.expected != step.restore {
            steps.push(step);
        }
    }
    Ok(steps)
}

fn text(path: &str, content: Option<&Content>) -> Result<Option<String>, Error> {
    let Some(content) = content else {
        return Ok(None);
    };
    let missing = || Error::ContentMissing {
        path: path.to_owned(),
    };
    let text = content.text().ok_or_else(missing)?;
    Ok(Some(text.to_owned()))
}
