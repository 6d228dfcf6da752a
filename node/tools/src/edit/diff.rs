//! Unified diffs as tool results show them.

use similar::TextDiff;

/// Lines of context around a change.
const CONTEXT_LINES: usize = 3;

/// Shows the change of one file; a missing side is `/dev/null`.
pub fn unified_diff(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let name = |prefix: &str, text: Option<&str>| {
        text.map_or("/dev/null".to_owned(), |_| format!("{prefix}/{path}"))
    };
    TextDiff::from_lines(before.unwrap_or(""), after.unwrap_or(""))
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&name("a", before), &name("b", after))
        .to_string()
}
