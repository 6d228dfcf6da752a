//! `rescue _ ->`: every exception swallowed, unseen.

use super::{Hit, Rule, Severity, Subject};
use crate::syntax::{kinds, left, line, named_children, right, slice, walk};
use tree_sitter::Node;

pub(super) const RULE: Rule = Rule {
    name: "rescue_everything",
    severity: Severity::Warning,
    summary: "a rescue clause takes every exception and looks at none",
    reason: "it hides bugs too: a misspelt function or a bad match looks like the failure that was expected",
    fix: "name the exceptions that are expected, `rescue e in [ArgumentError] ->`, and let the others pass",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    let text = subject.text();
    if subject.is_test() {
        return;
    }
    walk(subject.root(), |node| {
        if node.kind_id() == kinds().rescue_block {
            for clause in named_children(node) {
                if takes_everything(clause, text) && !reraises(clause, text) {
                    hits.push(Hit::new(line(clause), "rescue _ takes every exception"));
                }
            }
        }
        true
    });
}

fn takes_everything(clause: Node<'_>, text: &str) -> bool {
    left(clause).is_some_and(|pattern| {
        let written = slice(pattern, text);
        written == "_"
            || (written.starts_with('_')
                && written.chars().all(|c| c.is_alphanumeric() || c == '_'))
    })
}

fn reraises(clause: Node<'_>, text: &str) -> bool {
    right(clause).is_some_and(|body| {
        let body = slice(body, text);
        ["raise", "exit", "throw", "__STACKTRACE__"]
            .iter()
            .any(|word| body.contains(word))
    })
}
