//! Renames a function in the whole project: plan from the graph, one all-or-nothing edit, verification.

use super::create_module::first_line;
use super::tool_results::ToolResults;
use super::unique_edits::unique_edits;
use super::{IndexedSources, Next, Refusal, settle};
use aiex_analysis::SourceText;
use aiex_analysis::refactor::{FileEdit, RenamePlan, apply, rename_function};
use aiex_context::ProjectIndex;
use aiex_session::line_diff;
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) fn next(
    index: &ProjectIndex,
    target: &str,
    new_name: &str,
    dry_run: bool,
    results: &ToolResults,
) -> Result<Next, Refusal> {
    let sources = IndexedSources(index);
    let plan = rename_function(index.graph(), &sources, target, new_name)
        .map_err(|error| Refusal::new(error.to_string(), "nothing was changed"))?;
    if dry_run {
        let summary = format!(
            "Would rename {target} to {new_name}:\n\n{}",
            describe(&plan)
        );
        return Ok(Next::Answer(format!(
            "{summary}\n```diff\n{}```\n",
            diff(&plan, &sources)?
        )));
    }
    match results.nth("edit_files", 0) {
        None => Ok(Next::Call {
            text: format!(
                "Renaming {target} to {new_name} at {} places in {} files.\n",
                plan.places(),
                plan.edits.len()
            ),
            tool: "edit_files",
            arguments: json!({ "files": files(&plan, &sources)? }),
        }),
        Some(edited) if edited.is_error => Err(Refusal::new(
            format!("nothing was renamed: {}", first_line(&edited.output)),
            "the files may have changed since; run it again",
        )),
        Some(edited) => {
            let done = format!("Renamed {target} to {new_name}.\n\n{}", describe(&plan));
            Ok(settle(
                edited,
                results.nth("edit_files", 1),
                originals(&plan, &sources),
                done,
            ))
        }
    }
}

fn files(plan: &RenamePlan, sources: &IndexedSources<'_>) -> Result<Vec<Value>, Refusal> {
    plan.edits
        .iter()
        .map(|file| {
            let (before, _) = before_and_after(file, sources)?;
            let edits = unique_edits(&before, &file.splices);
            Ok(json!({ "path": file.path, "edits": edits, "expected_hash": file.before_hash }))
        })
        .collect()
}

fn diff(plan: &RenamePlan, sources: &IndexedSources<'_>) -> Result<String, Refusal> {
    let mut diffs = String::new();
    for file in &plan.edits {
        let (before, after) = before_and_after(file, sources)?;
        diffs.push_str(&line_diff(&file.path, Some(&before), Some(&after)).unified);
    }
    Ok(diffs)
}

fn before_and_after(
    file: &FileEdit,
    sources: &IndexedSources<'_>,
) -> Result<(String, String), Refusal> {
    let before = sources.text(&file.path).ok_or_else(|| {
        Refusal::new(
            format!("the text of {} is not available", file.path),
            "run it again",
        )
    })?;
    let after = apply(&before, &file.splices).ok_or_else(|| {
        Refusal::new(
            format!("{} is not what the plan was made for", file.path),
            "run it again",
        )
    })?;
    Ok((before.into_owned(), after))
}

/// The files as they were.
fn originals(plan: &RenamePlan, sources: &IndexedSources<'_>) -> Vec<Value> {
    let file = |edit: &FileEdit| {
        sources
            .text(&edit.path)
            .map(|text| json!({ "path": edit.path, "content": text }))
    };
    plan.edits.iter().filter_map(file).collect()
}

fn describe(plan: &RenamePlan) -> String {
    let mut text = String::new();
    for file in &plan.edits {
        let places = match file.splices.len() {
            1 => "1 place".to_owned(),
            many => format!("{many} places"),
        };
        let _ = writeln!(text, "- {}: {places}", file.path);
    }
    for warning in &plan.warnings {
        let _ = writeln!(
            text,
            "- look at {}:{} yourself: {}",
            warning.path, warning.line, warning.message
        );
    }
    text
}
