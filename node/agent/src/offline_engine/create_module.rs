//! A new module and its first test, from templates in the project's own layout.

use super::tool_results::ToolResults;
use super::{Next, Refusal, settle};
use aiex_analysis::module_gen::{GeneratedModule, ModuleKind, Neighbour, create};
use aiex_context::ProjectIndex;
use serde_json::json;

/// What was asked for.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) description: &'a str,
    pub(super) dry_run: bool,
}

pub(super) fn next(
    index: &ProjectIndex,
    wanted: &Wanted<'_>,
    results: &ToolResults,
) -> Result<Next, Refusal> {
    let kind = ModuleKind::parse(wanted.kind).ok_or_else(|| {
        let known: Vec<&str> = ModuleKind::ALL.iter().map(|kind| kind.name()).collect();
        Refusal::new(
            format!("there is no module kind {:?}", wanted.kind),
            format!("kinds: {}", known.join(", ")),
        )
    })?;
    let neighbours: Vec<Neighbour> = index
        .graph()
        .modules()
        .map(|(module, file)| Neighbour {
            module: module.name.clone(),
            path: file.path.clone(),
        })
        .collect();
    // the workspace of the turn is from before the module was written, so this holds after it too
    let generated =
        create(kind, wanted.name, wanted.description, &neighbours).map_err(|error| {
            Refusal::new(
                error.to_string(),
                "choose another name; an existing file is never overwritten",
            )
        })?;
    if wanted.dry_run {
        return Ok(Next::Answer(preview(&generated)));
    }
    let Some(written) = results.nth("edit_files", 0) else {
        return Ok(Next::Call {
            text: format!("Writing {} and {}.\n", generated.path, generated.test_path),
            tool: "edit_files",
            arguments: json!({
                "files": [
                    { "path": generated.path, "content": generated.source },
                    { "path": generated.test_path, "content": generated.test_source },
                ],
            }),
        });
    };
    if written.is_error {
        return Err(Refusal::new(
            format!(
                "the module was not written: {}",
                first_line(&written.output)
            ),
            "choose another name, or remove what is in the way",
        ));
    }
    let put_back = vec![
        json!({ "path": generated.path, "delete": true }),
        json!({ "path": generated.test_path, "delete": true }),
    ];
    let done = format!(
        "Created `{}` ({}) in {} with a test in {}. No model was used: the module comes from a template.\n",
        generated.module,
        kind.name(),
        generated.path,
        generated.test_path,
    );
    Ok(settle(
        written,
        results.nth("edit_files", 1),
        put_back,
        done,
    ))
}

fn preview(generated: &GeneratedModule) -> String {
    format!(
        "Would write {}:\n\n```elixir\n{}```\n\nand {}:\n\n```elixir\n{}```\n",
        generated.path, generated.source, generated.test_path, generated.test_source
    )
}

/// The first line of a tool's answer, for a message.
pub(super) fn first_line(text: &str) -> &str {
    text.lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or(text)
}
