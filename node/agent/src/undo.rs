//! Putting the files of an earlier turn back: one all-or-nothing call of the executor.

use aiex_session::{FileChanges, Recorded, TurnNumber, UndoStep, project, undo_plan};
use serde_json::{Value, json};

/// What an undo comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UndoPlan {
    Call { name: String, arguments: String },
    Impossible { message: String, hint: String },
}

/// Plans the undo of turn `wanted`; 0 means the last turn that changed files and was not undone.
pub(crate) fn plan(events: &[Recorded], wanted: TurnNumber) -> UndoPlan {
    match undo_plan(&project::<FileChanges>(events), wanted) {
        Ok(steps) => UndoPlan::Call {
            name: "edit_files".to_owned(),
            arguments: json!({
                "files": steps.iter().map(file_edit).collect::<Vec<_>>(),
                "verify": false,
            })
            .to_string(),
        },
        Err(error) => UndoPlan::Impossible {
            message: error.to_string(),
            hint: "`aiex show session` lists the turns and their changes".to_owned(),
        },
    }
}

/// The executor refuses when the file no longer holds what the turn left there.
fn file_edit(step: &UndoStep) -> Value {
    let expected_hash = step
        .expected
        .as_ref()
        .map(|text| blake3::hash(text.as_bytes()).to_hex().to_string());
    let mut edit = match &step.restore {
        Some(content) => json!({ "path": step.path, "content": content }),
        None => json!({ "path": step.path, "delete": true }),
    };
    if let (Some(hash), Some(object)) = (expected_hash, edit.as_object_mut()) {
        object.insert("expected_hash".to_owned(), Value::String(hash));
    }
    edit
}

#[cfg(test)]
mod tests;
