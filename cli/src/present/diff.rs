//! Changed files as unified diffs.

use crate::output::printable;
use crate::session_json::{Content, FileChange};
use crate::theme::Theme;
use similar::{ChangeTag, TextDiff};

/// Lines of one diff that are shown; the session keeps all of it.
const LINES_SHOWN: usize = 200;
/// Texts above this size are not compared line by line.
const COMPARED_BYTES_MAX: usize = 1 << 20;

/// Added and removed lines over all changes.
pub(crate) fn summary(changes: &[FileChange]) -> (usize, usize) {
    let mut total = (0, 0);
    for change in changes {
        let Some((before, after)) = texts(change) else {
            continue;
        };
        for line in TextDiff::from_lines(before, after).iter_all_changes() {
            match line.tag() {
                ChangeTag::Insert => total.0 += 1,
                ChangeTag::Delete => total.1 += 1,
                ChangeTag::Equal => {}
            }
        }
    }
    total
}

/// The diff of one change; `None` when nothing changed, a note when the texts did not come along.
pub(crate) fn file_diff(change: &FileChange, theme: Theme) -> Option<String> {
    match texts(change) {
        Some((before, after)) => {
            let label = match (&change.before, &change.after) {
                (None, _) => "new file",
                (_, None) => "deleted",
                _ => "",
            };
            unified(&change.path, before, after, label, theme)
        }
        None => Some(theme.faint(&format!(
            "  {} changed (too large to compare here)",
            printable(&change.path)
        ))),
    }
}

/// A coloured unified diff with three lines of context, indented; `None` when the texts are equal.
pub(crate) fn unified(
    path: &str,
    before: &str,
    after: &str,
    label: &str,
    theme: Theme,
) -> Option<String> {
    if before == after {
        return None;
    }
    let heading = format!("{} {label}", printable(path));
    let mut lines = vec![format!("  {}", theme.strong(heading.trim_end()))];
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(3).to_string();
    let mut hidden = 0_usize;
    for line in text.lines() {
        if lines.len() > LINES_SHOWN {
            hidden += 1;
            continue;
        }
        let line = printable(line);
        lines.push(format!(
            "  {}",
            match line.chars().next() {
                Some('+') => theme.good(&line),
                Some('-') => theme.bad(&line),
                Some('@') => theme.place(&line),
                _ => line.into_owned(),
            }
        ));
    }
    if hidden > 0 {
        lines.push(theme.faint(&format!("  … {hidden} more lines")));
    }
    Some(lines.join("\n"))
}

/// Both texts, if they came along and are small enough to compare.
fn texts(change: &FileChange) -> Option<(&str, &str)> {
    let before = text(change.before.as_ref())?;
    let after = text(change.after.as_ref())?;
    (before.len() + after.len() <= COMPARED_BYTES_MAX).then_some((before, after))
}

/// A file that does not exist reads as empty; `None` when the text is stored apart.
fn text(content: Option<&Content>) -> Option<&str> {
    content.map_or(Some(""), Content::text)
}
