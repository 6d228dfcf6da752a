//! The steps of verification, and which tests a change can have broken. Decides; runs nothing.

use crate::{FileChange, Verdict, VerdictStep, output::clip, syntax::SyntaxCheck};

/// Longest detail of one step, in bytes.
pub(crate) const DETAIL_BYTES_MAX: usize = 4_000;
/// Syntax problems shown.
const PROBLEMS_MAX: usize = 5;
/// Test files run for one change.
pub(crate) const AFFECTED_TESTS_MAX: usize = 20;

/// The four steps, in order.
pub(crate) const STEPS: [&str; 4] = ["parse", "format", "compile", "tests"];

pub(crate) fn step(
    name: &str,
    status: &str,
    detail: impl Into<String>,
    duration_ms: u64,
) -> VerdictStep {
    VerdictStep {
        name: name.to_owned(),
        status: status.to_owned(),
        detail: clip(detail.into(), DETAIL_BYTES_MAX),
        duration_ms,
    }
}

/// Marks every step from `from` on as skipped for one reason.
pub(crate) fn skip_rest(steps: &mut Vec<VerdictStep>, reason: &str) {
    for name in &STEPS[steps.len()..] {
        steps.push(step(name, "skipped", reason, 0));
    }
}

/// Says whether a path is Elixir source.
pub(crate) fn is_elixir(path: &str) -> bool {
    path.ends_with(".ex") || path.ends_with(".exs")
}

/// Says whether a change of the path can change what the project compiles to.
pub(crate) fn is_compiled(path: &str) -> bool {
    is_elixir(path)
        || [".eex", ".heex", ".leex", ".erl", ".hrl", "mix.lock"]
            .iter()
            .any(|end| path.ends_with(end))
}

/// The parse step: every Elixir file must parse.
pub(crate) fn parse(changes: &[FileChange], check: Option<&dyn SyntaxCheck>) -> VerdictStep {
    let Some(check) = check else {
        return step("parse", "skipped", "no parser was given", 0);
    };
    let mut problems = Vec::new();
    for change in changes.iter().filter(|change| is_elixir(&change.path)) {
        let Some(text) = &change.after else { continue };
        for problem in check.check(&change.path, text) {
            problems.push(format!(
                "{}:{}:{}: {}",
                change.path, problem.line, problem.column, problem.message
            ));
        }
    }
    if problems.is_empty() {
        return step("parse", "passed", "", 0);
    }
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    step("parse", "failed", problems.join("\n"), 0)
}

/// The names that `defmodule`, `defprotocol` and `defimpl` give in a text, as written.
pub(crate) fn module_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let rest = line
                .strip_prefix("defmodule ")
                .or_else(|| line.strip_prefix("defprotocol "))?;
            let name: String = rest
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
                .collect();
            name.starts_with(char::is_uppercase)
                .then(|| name.trim_end_matches('.').to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Says whether a text names a module, and not one that only begins or ends like it.
pub(crate) fn mentions(text: &str, module: &str) -> bool {
    text.match_indices(module).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + module.len()..].chars();
        let next = after.next();
        let joined = |c: char| c.is_alphanumeric() || c == '_';
        let nested = next == Some('.') && after.next().is_some_and(char::is_uppercase);
        !before.is_some_and(|c| joined(c) || c == '.') && !next.is_some_and(joined) && !nested
    })
}

/// Where the tests of a source file stand by convention: `lib/a/b.ex` → `test/a/b_test.exs`.
pub(crate) fn mirrored_test(path: &str) -> Option<String> {
    let (head, rest) = match path.strip_prefix("lib/") {
        Some(rest) => ("", rest),
        None => path.split_once("/lib/")?,
    };
    let stem = rest.strip_suffix(".ex")?;
    let slash = if head.is_empty() { "" } else { "/" };
    Some(format!("{head}{slash}test/{stem}_test.exs"))
}

/// One line per step, for people and models.
pub(crate) fn describe(verdict: &Verdict) -> String {
    verdict
        .steps
        .iter()
        .map(|step| {
            let detail = step.detail.trim_end();
            let detail = match detail {
                "" => String::new(),
                line if !line.contains('\n') => format!(": {line}"),
                lines => format!(":\n  {}", lines.replace('\n', "\n  ")),
            };
            format!("{} {}{detail}\n", step.name, step.status)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_modules_and_mentions() {
        assert_eq!(
            module_names(
                "defmodule A.B do\n  defmodule C, do: nil\nend\n# defmodule X\ndefprotocol P do"
            ),
            ["A.B", "C", "P"]
        );
        for (text, expected) in [
            ("A.B.run(1)", true),
            ("alias A.B", true),
            ("A.B.C.run()", false),
            ("X.A.B.run()", false),
            ("A.Bee", false),
            ("%A.B{}", true),
        ] {
            assert_eq!(mentions(text, "A.B"), expected, "{text}");
        }
    }

    #[test]
    fn mirrors_paths() {
        assert_eq!(
            mirrored_test("lib/a/b.ex").as_deref(),
            Some("test/a/b_test.exs")
        );
        assert_eq!(
            mirrored_test("apps/web/lib/a.ex").as_deref(),
            Some("apps/web/test/a_test.exs")
        );
        assert_eq!(mirrored_test("config/config.exs"), None);
    }
}
