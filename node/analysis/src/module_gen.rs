//! New modules from templates: idiomatic, documented, specified, with tests that run and formatted as `mix format` leaves them.
//!
//! Decides path and text; writes nothing.

mod path;
mod templates;

pub use path::underscore;

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// Longest segment of a module name, so that no generated line outgrows the formatter's width.
const MAX_SEGMENT: usize = 36;
/// Longest module name.
const MAX_NAME: usize = 72;
/// Longest description, in bytes.
const MAX_DESCRIPTION: usize = 4 * 1024;

/// Modules of Elixir itself that a project must not define anew.
const STANDARD: [&str; 40] = [
    "Access",
    "Agent",
    "Application",
    "Atom",
    "Base",
    "Bitwise",
    "Calendar",
    "Code",
    "Date",
    "DateTime",
    "Enum",
    "Enumerable",
    "Exception",
    "File",
    "Float",
    "Function",
    "GenServer",
    "IO",
    "Inspect",
    "Integer",
    "Kernel",
    "Keyword",
    "List",
    "Logger",
    "Macro",
    "Map",
    "MapSet",
    "Mix",
    "Module",
    "Node",
    "Path",
    "Port",
    "Process",
    "Range",
    "Regex",
    "Registry",
    "Stream",
    "String",
    "Supervisor",
    "System",
];

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModuleKind {
    Plain,
    GenServer,
    Supervisor,
    Behaviour,
    Struct,
}

impl ModuleKind {
    /// Every kind, in the order they are offered.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::GenServer,
        Self::Supervisor,
        Self::Behaviour,
        Self::Struct,
    ];

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::GenServer => "genserver",
            Self::Supervisor => "supervisor",
            Self::Behaviour => "behaviour",
            Self::Struct => "struct",
        }
    }

    /// Reads the name used on the command line.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A module that exists already: name and path from the project's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    pub module: String,
    pub path: String,
}

/// A module and its test, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratedModule {
    pub module: String,
    pub path: String,
    pub source: String,
    pub test_path: String,
    pub test_source: String,
}

/// Generates a module of a kind.
///
/// The neighbours decide the application of an umbrella and the source root. An empty description is replaced by what
/// the template does.
///
/// # Errors
/// [`Error::BadModuleName`], [`Error::ModuleExists`], [`Error::PathTaken`], [`Error::AmbiguousApplication`].
pub fn create(
    kind: ModuleKind,
    name: &str,
    description: &str,
    neighbours: &[Neighbour],
) -> Result<GeneratedModule, Error> {
    let name = name.trim();
    check_name(name)?;
    if let Some(same) = neighbours.iter().find(|n| n.module == name) {
        return Err(Error::ModuleExists {
            module: name.to_owned(),
            path: same.path.clone(),
        });
    }
    let place = path::place(name, neighbours)?;
    if neighbours
        .iter()
        .any(|n| n.path == place.source || n.path == place.test)
    {
        return Err(Error::PathTaken { path: place.source });
    }
    let (source, test_source) = templates::render(kind, name, &documentation(description));
    Ok(GeneratedModule {
        module: name.to_owned(),
        path: place.source,
        source,
        test_path: place.test,
        test_source,
    })
}

fn check_name(name: &str) -> Result<(), Error> {
    let refuse = |reason| {
        Err(Error::BadModuleName {
            name: name.to_owned(),
            reason,
        })
    };
    if name.len() > MAX_NAME || name.split('.').any(|segment| segment.len() > MAX_SEGMENT) {
        return refuse("it is longer than 72 characters, or one part is longer than 36");
    }
    for segment in name.split('.') {
        if !segment.starts_with(|c: char| c.is_ascii_uppercase()) {
            return refuse("every part begins with a capital letter, as in Shop.Cart");
        }
        if !segment
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return refuse("only letters, digits and underscores are allowed between the dots");
        }
    }
    if name == "Elixir" || name.starts_with("Elixir.") {
        return refuse("the prefix Elixir is added by the compiler");
    }
    if STANDARD.contains(&name) {
        return refuse("Elixir itself has a module of this name");
    }
    Ok(())
}

/// The description as lines of a heredoc: nothing in it ends the heredoc or interpolates.
fn documentation(description: &str) -> Vec<String> {
    let mut end = description.len().min(MAX_DESCRIPTION);
    while !description.is_char_boundary(end) {
        end -= 1;
    }
    let text = description[..end].trim();
    let safe = text
        .replace('\\', "\\\\")
        .replace("#{", "\\#{")
        .replace("\"\"\"", "\\\"\"\"");
    let lines = safe.lines().map(|line| {
        line.trim_end()
            .chars()
            .filter(|c| !c.is_control())
            .collect()
    });
    lines.collect()
}

#[cfg(test)]
mod tests;
