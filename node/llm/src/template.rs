//! The system prompts: strict templates whose output depends on nothing but their context.
//!
//! An undefined variable is an error, a runaway template runs out of fuel, and equal contexts give
//! equal bytes, so that a provider's prompt cache stays warm. The templates are files in
//! `templates/`; what they may use is exactly [`PromptContext`].

use crate::error::{Error, ErrorKind};
use aiex_session::Task;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

/// Steps a template may take; a built-in one takes a few hundred.
const FUEL: u64 = 50_000;
/// Most bytes of a rendered prompt.
const RENDERED_BYTES_MAX: usize = 1 << 20;

const SOURCES: [(&str, &str); 6] = [
    ("elixir", include_str!("../templates/elixir.j2")),
    ("ask", include_str!("../templates/ask.j2")),
    ("explain", include_str!("../templates/explain.j2")),
    ("create_tests", include_str!("../templates/create_tests.j2")),
    (
        "create_module",
        include_str!("../templates/create_module.j2"),
    ),
    ("refactor", include_str!("../templates/refactor.j2")),
];

/// What a template may say about the project and the work. Empty text means unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PromptContext {
    /// The Mix application, or the folder's name.
    pub project: String,
    /// As in `mix.exs`: `~> 1.14`.
    pub elixir_requirement: String,
    pub umbrella: bool,
    /// The file, module or function the task is about.
    pub target: String,
    /// What analysis found and the answer must stand on; one fact per line.
    pub facts: String,
    /// The kind of module to create, or what the person described.
    pub description: String,
    /// Whether files may be changed.
    pub may_edit: bool,
}

/// The built-in templates, parsed once.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Parses the built-in templates.
    ///
    /// # Errors
    /// [`ErrorKind::Template`] when one does not parse, which its tests exclude.
    pub fn built_in() -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_syntax(layout()?);
        environment.set_fuel(Some(FUEL));
        for (name, source) in SOURCES {
            environment
                .add_template(name, source)
                .map_err(|error| broken(name, &error))?;
        }
        Ok(Self { environment })
    }

    /// The names that can be rendered.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        SOURCES.iter().map(|(name, _)| *name)
    }

    /// The template of a task; undo needs no model and has none.
    pub const fn name_for(task: &Task) -> Option<&'static str> {
        match task {
            Task::Ask { .. } => Some("ask"),
            Task::Explain { .. } => Some("explain"),
            Task::CreateTests { .. } => Some("create_tests"),
            Task::CreateModule { .. } => Some("create_module"),
            Task::RenameFunction { .. } => Some("refactor"),
            Task::Undo { .. } => None,
        }
    }

    /// Renders a template. `context` is a [`PromptContext`] or anything with its fields.
    ///
    /// # Errors
    /// [`ErrorKind::Template`] for an unknown name, an undefined variable, no fuel left, or a
    /// result over [`RENDERED_BYTES_MAX`].
    pub fn render<C: Serialize>(&self, name: &str, context: &C) -> Result<String, Error> {
        let template = self
            .environment
            .get_template(name)
            .map_err(|error| broken(name, &error))?;
        let text = template
            .render(Value::from(Serde(context)))
            .map_err(|error| broken(name, &error))?;
        if text.len() > RENDERED_BYTES_MAX {
            let message = format!("template {name:?} gave more than {RENDERED_BYTES_MAX} bytes");
            return Err(Error::new(
                ErrorKind::Limit {
                    limit: "template_bytes",
                },
                message,
            ));
        }
        Ok(text)
    }
}

/// A line that holds only a block leaves no trace.
fn layout() -> Result<SyntaxConfig, Error> {
    let built = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    built.map_err(|error| broken("syntax", &error))
}

/// Names the innermost cause: an error in an included template is otherwise hidden by the include.
fn broken(name: &str, error: &minijinja::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Error::new(
        ErrorKind::Template,
        format!("template {name:?} cannot be rendered: {cause}"),
    )
}

#[cfg(test)]
mod tests;
