//! What a module is at run time: processes and their messages, supervision trees, routes, schemas, tables.
//!
//! Facts as written, each with its line; nothing is run and nothing is guessed.

mod processes;
mod routes;
mod schemas;
mod supervision;

pub use processes::{Message, MessageKind, Registration, Sent, Table};
pub use routes::Route;
pub use schemas::{Schema, SchemaField};
pub use supervision::{Child, Supervision};

use crate::analyze::{Located, definitions};
use crate::module::{FileAnalysis, ModuleInfo};
use crate::syntax::{SyntaxTree, parse};
use serde::{Deserialize, Serialize};

/// Longest piece of source quoted in a fact, in characters.
const MAX_QUOTE: usize = 120;

/// Facts of one module; every list is in source order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleFacts {
    pub module: String,
    /// What the process understands: patterns of its `handle_*` clauses.
    pub messages: Vec<Message>,
    /// Messages the module sends.
    pub sent: Vec<Sent>,
    /// The state `init/1` starts with, as written, and its line.
    pub initial_state: Option<(String, u32)>,
    /// Names the process registers itself under.
    pub registrations: Vec<Registration>,
    /// ETS tables created.
    pub tables: Vec<Table>,
    pub supervision: Option<Supervision>,
    pub routes: Vec<Route>,
    pub schemas: Vec<Schema>,
}

/// Gathers the facts of each module of a file, in the order of `file.modules`. The text must be the one analysed.
pub fn facts(file: &FileAnalysis, text: &str) -> Vec<ModuleFacts> {
    let tree = parse(text);
    let located = definitions(file, &tree);
    file.modules
        .iter()
        .map(|module| module_facts(file, module, &tree, &located))
        .collect()
}

fn module_facts(
    file: &FileAnalysis,
    module: &ModuleInfo,
    tree: &SyntaxTree,
    located: &[Located<'_>],
) -> ModuleFacts {
    let own: Vec<Located<'_>> = located
        .iter()
        .filter(|located| located.chunk.module == module.name)
        .copied()
        .collect();
    let mut facts = ModuleFacts {
        module: module.name.clone(),
        ..ModuleFacts::default()
    };
    processes::gather(&own, tree.text(), &mut facts);
    supervision::gather(module, &own, tree.text(), &mut facts);
    routes::gather(file, module, tree, &mut facts);
    schemas::gather(file, module, tree, &mut facts);
    facts
}

/// Returns source on one line, shortened.
fn quote(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > MAX_QUOTE {
        line = line.chars().take(MAX_QUOTE).collect();
        line.push('…');
    }
    line
}

/// Resolves an alias as written inside a module.
fn full_name(module: &ModuleInfo, written: &str) -> String {
    if written == "__MODULE__" {
        return module.name.clone();
    }
    let (first, rest) = written
        .split_once('.')
        .map_or((written, ""), |(first, rest)| (first, rest));
    let full = match module
        .aliases
        .iter()
        .rev()
        .find(|alias| alias.short == first)
    {
        Some(alias) => alias.full.as_str(),
        None if first == "__MODULE__" => module.name.as_str(),
        None => first,
    };
    if rest.is_empty() {
        full.to_owned()
    } else {
        format!("{full}.{rest}")
    }
}

#[cfg(test)]
mod tests;
