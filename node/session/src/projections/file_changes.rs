//! Which turn changed which files, how, and what was undone since.

use super::Projection;
use crate::event::{Content, Event, FileChange, Recorded, TurnEnd};
use crate::ids::{Seq, TurnNumber};
use crate::myers_diff::{LineDiff, line_diff};
use crate::task::Task;
use serde::Serialize;
use std::collections::BTreeMap;

/// Every file change of a session, by turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FileChanges {
    /// Turns that changed files, and turns that undid others.
    pub turns: BTreeMap<TurnNumber, TurnChanges>,
}

/// What one turn did to files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TurnChanges {
    /// In the order they happened.
    pub files: Vec<ChangedFile>,
    /// The turn this one puts back.
    pub undoes: Option<TurnNumber>,
    /// The turn that put this one back.
    pub undone_by: Option<TurnNumber>,
}

/// One change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedFile {
    pub seq: Seq,
    pub at_unix_ms: i64,
    pub call_id: String,
    pub path: String,
    pub kind: ChangeKind,
    /// Unified diff with three lines around; `None` when a side is not at hand.
    pub diff: Option<String>,
    pub lines_added: u32,
    pub lines_removed: u32,
    /// Whole contents, for undo; not part of the JSON, the diff is.
    #[serde(skip)]
    pub before: Option<Content>,
    #[serde(skip)]
    pub after: Option<Content>,
}

/// What happened to the file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Created,
    Changed,
    Deleted,
}

impl Projection for FileChanges {
    fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::TurnStarted {
                turn,
                task: Task::Undo { turn: wanted },
                ..
            } => {
                let undoes = match wanted {
                    0 => self.last_undoable(),
                    named => Some(*named),
                };
                self.turns.entry(*turn).or_default().undoes = undoes;
            }
            Event::ToolCallFinished {
                turn,
                call_id,
                changes,
                ..
            } if !changes.is_empty() => {
                let files = &mut self.turns.entry(*turn).or_default().files;
                let changed = changes
                    .iter()
                    .map(|change| changed(recorded, call_id, change));
                files.extend(changed);
            }
            Event::TurnFinished {
                turn,
                end: TurnEnd::Completed,
            } => self.settle_undo(*turn),
            _ => {}
        }
    }
}

impl FileChanges {
    /// The last turn that changed files, is not an undo and was not undone.
    pub fn last_undoable(&self) -> Option<TurnNumber> {
        let mut newest_first = self.turns.iter().rev();
        let found = newest_first.find(|(_, changes)| {
            !changes.files.is_empty() && changes.undoes.is_none() && changes.undone_by.is_none()
        });
        found.map(|(turn, _)| *turn)
    }

    /// An undo counts once its turn is completed and really changed files.
    fn settle_undo(&mut self, turn: TurnNumber) {
        let undo = self.turns.get(&turn).filter(|undo| !undo.files.is_empty());
        let Some(undone) = undo.and_then(|undo| undo.undoes) else {
            return;
        };
        if let Some(changes) = self.turns.get_mut(&undone) {
            changes.undone_by = Some(turn);
        }
    }
}

fn changed(recorded: &Recorded, call_id: &str, change: &FileChange) -> ChangedFile {
    let kind = match (&change.before, &change.after) {
        (None, _) => ChangeKind::Created,
        (Some(_), None) => ChangeKind::Deleted,
        (Some(_), Some(_)) => ChangeKind::Changed,
    };
    let before = side(change.before.as_ref());
    let diff = before.zip(side(change.after.as_ref()));
    let diff = diff.map(|(before, after)| line_diff(&change.path, before, after));
    let (lines_added, lines_removed) = diff.as_ref().map_or((0, 0), LineDiff::counts);
    ChangedFile {
        seq: recorded.seq,
        at_unix_ms: recorded.at_unix_ms,
        call_id: call_id.to_owned(),
        path: change.path.clone(),
        kind,
        diff: diff.map(|diff| diff.unified),
        lines_added,
        lines_removed,
        before: change.before.clone(),
        after: change.after.clone(),
    }
}

/// The outer `None`: the content exists and is not at hand. The inner one: the file does not exist.
#[allow(clippy::option_option)]
fn side(content: Option<&Content>) -> Option<Option<&str>> {
    match content {
        None => Some(None),
        Some(content) => content.text().map(Some),
    }
}
