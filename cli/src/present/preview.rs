//! What a tool call would change, shown before a person is asked.

use crate::output::printable;
use crate::present::diff::unified;
use crate::project::tree;
use crate::theme::Theme;
use serde::Deserialize;
use std::path::{Component, Path};

/// Lines of arguments shown when the call is of a kind this program does not know.
const LINES_SHOWN: usize = 30;

/// The arguments of the tools that change files, as far as a preview needs them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    path: String,
    content: Option<String>,
    delete: bool,
    edits: Vec<Edit>,
    patch: Option<String>,
    files: Vec<Arguments>,
    argv: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Edit {
    old: String,
    new: String,
}

/// A diff for changes, the command line for commands, else the arguments as they came.
pub(crate) fn preview(tool: &str, arguments: &str, root: &Path, theme: Theme) -> String {
    let Ok(parsed) = serde_json::from_str::<Arguments>(arguments) else {
        return raw(tool, arguments, theme);
    };
    if !parsed.argv.is_empty() {
        return format!("  {}", theme.strong(&printable(&parsed.argv.join(" "))));
    }
    let changes: Vec<String> = std::iter::once(&parsed)
        .chain(&parsed.files)
        .filter_map(|file| file_preview(file, root, theme))
        .collect();
    if changes.is_empty() {
        raw(tool, arguments, theme)
    } else {
        changes.join("\n")
    }
}

fn file_preview(file: &Arguments, root: &Path, theme: Theme) -> Option<String> {
    if let Some(patch) = &file.patch {
        return Some(painted(patch, theme));
    }
    if let Some(content) = &file.content {
        let before = current(root, &file.path);
        let label = if before.is_some() { "" } else { "new file" };
        return unified(
            &file.path,
            &before.unwrap_or_default(),
            content,
            label,
            theme,
        );
    }
    if file.delete {
        return Some(format!(
            "  {} would be deleted",
            theme.bad(&printable(&file.path))
        ));
    }
    let edits: Vec<String> = file
        .edits
        .iter()
        .filter_map(|edit| unified(&file.path, &edit.old, &edit.new, "", theme))
        .collect();
    (!edits.is_empty()).then(|| edits.join("\n"))
}

/// The file as it is now, for a path that plainly stays inside; the tool itself enforces the boundary.
fn current(root: &Path, path: &str) -> Option<String> {
    let plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if path.is_empty() || !plain {
        return None;
    }
    let real = root
        .join(path)
        .canonicalize()
        .ok()
        .filter(|real| real.starts_with(root))?;
    String::from_utf8(tree::read(&real).ok()?).ok()
}

fn painted(patch: &str, theme: Theme) -> String {
    let line = |line: &str| {
        let line = printable(line);
        format!(
            "  {}",
            match line.chars().next() {
                Some('+') => theme.good(&line),
                Some('-') => theme.bad(&line),
                _ => line.into_owned(),
            }
        )
    };
    patch.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn raw(tool: &str, arguments: &str, theme: Theme) -> String {
    let text = printable(arguments);
    let lines: Vec<&str> = text.lines().take(LINES_SHOWN).collect();
    format!(
        "  {} {}",
        theme.strong(&printable(tool)),
        lines.join("\n  ")
    )
}
