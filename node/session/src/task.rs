//! What a person asks of a turn. Travels as JSON in `Prompt.task_json`.

use serde::{Deserialize, Serialize};

/// The kinds of work a turn can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// A free question or instruction; the model decides what to do.
    Ask { text: String },
    /// Explain a file (`lib/a.ex`), a module (`Shop.Cart`) or a function (`Shop.Cart.total/1`).
    Explain { target: String },
    /// Write ExUnit tests for a module or file, keep those that pass.
    CreateTests {
        target: String,
        #[serde(default)]
        dry_run: bool,
    },
    /// Write a new module. `kind` is one of `plain`, `genserver`, `supervisor`, `behaviour`, `struct`.
    CreateModule {
        name: String,
        kind: String,
        #[serde(default)]
        description: String,
        #[serde(default)]
        dry_run: bool,
    },
    /// Rename `Mod.old/arity` to `new` in the whole project.
    RenameFunction {
        target: String,
        new_name: String,
        #[serde(default)]
        dry_run: bool,
    },
    /// Put the files of an earlier turn back as they were before it; 0 means the last that changed files.
    Undo {
        #[serde(default)]
        turn: u32,
    },
}

impl Task {
    /// One line for lists and titles.
    pub fn headline(&self) -> String {
        match self {
            Task::Ask { text } => first_line(text, 72),
            Task::Explain { target } => format!("explain {target}"),
            Task::CreateTests { target, .. } => format!("create tests for {target}"),
            Task::CreateModule { name, kind, .. } => format!("create {kind} module {name}"),
            Task::RenameFunction {
                target, new_name, ..
            } => format!("rename {target} to {new_name}"),
            Task::Undo { turn: 0 } => "undo the last change".to_owned(),
            Task::Undo { turn } => format!("undo turn {turn}"),
        }
    }

    /// What a model reads as the person's message when no template says it better.
    pub fn instruction(&self) -> String {
        let (text, dry_run) = match self {
            Task::Ask { text } => (text.clone(), false),
            Task::Explain { target } => (format!("Explain {target}."), false),
            Task::CreateTests { target, dry_run } => {
                let text =
                    format!("Write ExUnit tests for {target}; run them and keep those that pass.");
                (text, *dry_run)
            }
            Task::CreateModule {
                name,
                kind,
                description,
                dry_run,
            } => {
                let text = format!("Create the {kind} module {name}. {description}");
                (text.trim_end().to_owned(), *dry_run)
            }
            Task::RenameFunction {
                target,
                new_name,
                dry_run,
            } => (
                format!("Rename {target} to {new_name} in the whole project."),
                *dry_run,
            ),
            Task::Undo { turn: 0 } => ("Undo the last change.".to_owned(), false),
            Task::Undo { turn } => (format!("Undo the changes of turn {turn}."), false),
        };
        if dry_run {
            return format!("{text} Change no file: show what would change.");
        }
        text
    }

    /// Lower-case hex BLAKE3 of the task; recognises a repeated prompt.
    pub fn digest(&self) -> String {
        crate::codec::digest(self)
    }
}

fn first_line(text: &str, chars_max: usize) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.chars().count() <= chars_max {
        return line.to_owned();
    }
    let cut: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}
