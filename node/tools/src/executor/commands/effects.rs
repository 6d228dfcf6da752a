//! What a command did to the project's sources: texts before and after, so that it can be shown and undone.
//!
//! Ignored files, build output and dependencies are not looked at.

use std::collections::BTreeMap;

use crate::{
    FileChange,
    path::WorkspacePath,
    root::Root,
    trail::Trail,
    walk::{Scope, walk},
};

/// Files and bytes of one snapshot; what is beyond is not compared, and the answer says so.
const FILES_MAX: usize = 20_000;
const BYTES_MAX: usize = 64 << 20;
/// Bytes of changed text in one answer.
const CHANGED_BYTES_MAX: usize = 2 << 20;

/// The sources at one moment.
pub(super) struct Snapshot {
    texts: BTreeMap<WorkspacePath, String>,
    complete: bool,
    has_git: bool,
}

/// The difference of two moments.
pub(super) struct Effects {
    pub(super) changes: Vec<FileChange>,
    left_out: usize,
    complete: bool,
    made_git: bool,
}

impl Snapshot {
    /// Reads all sources that are text.
    pub(super) fn take(root: &Root) -> Self {
        let mut snapshot = Self {
            texts: BTreeMap::new(),
            complete: false,
            has_git: root.kind(&WorkspacePath::root().child(".git")).is_ok(),
        };
        let Ok(found) = walk(root, &WorkspacePath::root(), Scope::Sources) else {
            return snapshot;
        };
        let mut bytes = 0;
        for path in &found.files {
            if snapshot.texts.len() >= FILES_MAX || bytes > BYTES_MAX {
                return snapshot;
            }
            // binary, over-large and unreadable files are not what text tools can undo
            if let Ok(file) = root.read_text(path) {
                bytes += file.content.len();
                snapshot.texts.insert(path.clone(), file.content);
            }
        }
        snapshot.complete = !found.truncated;
        snapshot
    }

    /// Compares with the present.
    pub(super) fn compare(mut self, root: &Root) -> Effects {
        let after = Self::take(root);
        let mut effects = Effects {
            changes: Vec::new(),
            left_out: 0,
            complete: self.complete && after.complete,
            made_git: after.has_git && !self.has_git,
        };
        if !effects.complete {
            // a file missing from a cut snapshot was not created or deleted
            return effects;
        }
        let mut changed: Vec<FileChange> = Vec::new();
        for (path, text) in after.texts {
            match self.texts.remove(&path) {
                Some(before) if before == text => {}
                before => changed.push(FileChange {
                    path: path.to_string(),
                    before,
                    after: Some(text),
                }),
            }
        }
        changed.extend(self.texts.into_iter().map(|(path, text)| FileChange {
            path: path.to_string(),
            before: Some(text),
            after: None,
        }));
        let mut bytes = 0;
        for change in changed {
            let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            bytes += size(&change.before) + size(&change.after);
            if bytes > CHANGED_BYTES_MAX {
                effects.left_out += 1;
            } else {
                effects.changes.push(change);
            }
        }
        effects
    }
}

impl Effects {
    /// One access record per changed file.
    pub(super) fn record(&self, trail: &mut Trail) {
        for change in &self.changes {
            let operation = operation(change);
            let bytes = change.after.as_ref().map_or(0, String::len) as u64;
            trail.allowed_with(operation, &change.path, "by the command".into(), bytes);
        }
    }

    /// Lines for the answer; empty when nothing changed.
    pub(super) fn summary(&self) -> String {
        let mut lines: String = self
            .changes
            .iter()
            .map(|change| format!("[{} {}]\n", operation(change), change.path))
            .collect();
        if self.left_out > 0 {
            lines.push_str(&format!(
                "[{} more changed files are too large to record]\n",
                self.left_out
            ));
        }
        if !self.complete {
            lines.push_str("[the project is too large to see what the command changed]\n");
        }
        if self.made_git {
            lines.push_str("[the command made a .git; look into it before git runs here]\n");
        }
        lines
    }
}

fn operation(change: &FileChange) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "create",
        (Some(_), None) => "delete",
        _ => "write",
    }
}
