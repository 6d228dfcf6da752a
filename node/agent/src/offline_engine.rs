//! The engine behind the `offline` model: explains, renames and writes tests from the syntax tree alone.
//!
//! Pure in the request: the reply depends on the task, the transcript of the turn and the content-addressed
//! workspace, so every node gives the same (ADR 0005). It acts only by asking for tools, like a model does.

mod answer;
mod create_module;
mod create_tests;
mod explain;
mod rename_function;
mod tool_results;
mod unique_edits;

use aiex_analysis::SourceText;
use aiex_context::{ProjectIndex, WorkspaceStore};
use aiex_llm::{Error, ErrorKind, ModelRequest, OFFLINE, OfflineEngine, Reply};
use aiex_session::{ContentBlock, StopReason, Task, Usage};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use tool_results::{ToolResult, ToolResults};

/// Answers from the workspaces this node knows.
pub struct AnalysisEngine {
    workspaces: Arc<WorkspaceStore>,
}

impl AnalysisEngine {
    /// An engine over the node's workspaces.
    pub const fn new(workspaces: Arc<WorkspaceStore>) -> Self {
        Self { workspaces }
    }
}

/// What the engine does next.
enum Next {
    /// Says `text` and asks for one tool.
    Call {
        text: String,
        tool: &'static str,
        arguments: Value,
    },
    /// Says `text` and is done.
    Answer(String),
}

/// Why the engine cannot go on, for the person.
struct Refusal {
    message: String,
    hint: String,
}

impl Refusal {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// The text of the workspace's files, as the analysis reads it.
struct IndexedSources<'a>(&'a ProjectIndex);

impl SourceText for IndexedSources<'_> {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        self.0.source(path).map(|text| Cow::Owned(text.to_string()))
    }
}

impl OfflineEngine for AnalysisEngine {
    fn reply(&self, request: &ModelRequest) -> Result<Reply, Error> {
        if request.workspace_id.is_empty() {
            return Err(refused(Refusal::new(
                "the offline engine has no project to look at",
                "run aiex inside a project; it sends the sources by itself",
            )));
        }
        let index = self
            .workspaces
            .index(&request.workspace_id)
            .map_err(|error| refused(Refusal::new(error.to_string(), error.hint())))?;
        let results = ToolResults::of_turn(&request.messages);
        next(&request.task, &index, &results)
            .map(reply)
            .map_err(refused)
    }
}

fn next(task: &Task, index: &ProjectIndex, results: &ToolResults) -> Result<Next, Refusal> {
    match task {
        Task::Ask { text } => Ok(answer::next(index, text)),
        Task::Explain { target } => explain::next(index, target),
        Task::CreateTests { target, dry_run } => {
            create_tests::next(index, target, *dry_run, results)
        }
        Task::CreateModule {
            name,
            kind,
            description,
            dry_run,
        } => {
            let wanted = create_module::Wanted {
                name,
                kind,
                description,
                dry_run: *dry_run,
            };
            create_module::next(index, &wanted, results)
        }
        Task::RenameFunction {
            target,
            new_name,
            dry_run,
        } => rename_function::next(index, target, new_name, *dry_run, results),
        Task::Undo { .. } => Err(Refusal::new(
            "undo needs no engine",
            "this is a defect: the turn plans an undo itself",
        )),
    }
}

/// After a change: done, or put back because the verification failed. `put_back` are the files of an `edit_files` call.
fn settle(
    change: &ToolResult,
    undone: Option<&ToolResult>,
    put_back: Vec<Value>,
    done: String,
) -> Next {
    let Some(rung) = change.failed_rung() else {
        return Next::Answer(done);
    };
    match undone {
        None => Next::Call {
            text: format!("The verification failed at {rung}: putting every file back.\n"),
            tool: "edit_files",
            arguments: serde_json::json!({ "files": put_back, "verify": false }),
        },
        Some(undone) if undone.is_error => Next::Answer(format!(
            "The verification failed at {rung}, and the files could not be put back by themselves: {}\n`aiex undo` does it.\n",
            undone.output.lines().next().unwrap_or_default()
        )),
        Some(_) => Next::Answer(format!(
            "Nothing was changed: the verification failed at {rung}, and every file is as it was.\n\
             If it also fails without the change, mend that first.\n"
        )),
    }
}

fn reply(next: Next) -> Reply {
    let (content, stop) = match next {
        Next::Answer(text) => (vec![ContentBlock::Text { text }], StopReason::EndTurn),
        Next::Call {
            text,
            tool,
            arguments,
        } => {
            let call = ContentBlock::ToolUse {
                id: "next".to_owned(),
                name: tool.to_owned(),
                arguments: arguments.to_string(),
            };
            (vec![ContentBlock::Text { text }, call], StopReason::ToolUse)
        }
    };
    Reply {
        provider: OFFLINE.to_owned(),
        model: OFFLINE.to_owned(),
        content,
        stop,
        usage: Usage::default(),
    }
}

fn refused(refusal: Refusal) -> Error {
    Error::new(ErrorKind::Offline, refusal.message).with_hint(refusal.hint)
}

#[cfg(test)]
mod tests;
