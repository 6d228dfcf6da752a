//! The verification ladder on one line, with what failed below it.

use crate::output::printable;
use crate::session_json::Verdict;
use crate::theme::Theme;

/// Lines of a failed step that are shown.
const DETAIL_LINES_SHOWN: usize = 15;

/// `parse ✓  format ✓  compile ✗  tests skipped`, then the diagnostics of what failed and why steps were skipped.
pub(crate) fn ladder(verdict: &Verdict, theme: Theme) -> String {
    let step = |step: &crate::session_json::VerdictStep| match step.status.as_str() {
        "passed" => format!("{} {}", step.name, theme.good("✓")),
        "failed" => format!("{} {}", step.name, theme.bad("✗")),
        _ => theme.faint(&format!("{} skipped", step.name)),
    };
    let steps: Vec<String> = verdict.steps.iter().map(step).collect();
    let mut lines = vec![format!("  {}", steps.join("  "))];
    for step in verdict
        .steps
        .iter()
        .filter(|step| step.status != "passed" && !step.detail.is_empty())
    {
        let detail = printable(&step.detail);
        if step.status == "failed" {
            lines.extend(
                detail
                    .lines()
                    .take(DETAIL_LINES_SHOWN)
                    .map(|line| format!("    {line}")),
            );
            let more = detail.lines().count().saturating_sub(DETAIL_LINES_SHOWN);
            if more > 0 {
                lines.push(theme.faint(&format!("    … {more} more lines")));
            }
        } else {
            let reason = detail.lines().next().unwrap_or_default();
            lines.push(theme.faint(&format!("    {} skipped: {reason}", step.name)));
        }
    }
    lines.join("\n")
}
