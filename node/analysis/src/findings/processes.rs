//! Processes that nobody supervises.

use super::{Hit, Rule, Severity, Subject};
use crate::syntax::{call_name, line, remote_name, walk};

pub(super) const RULE: Rule = Rule {
    name: "unsupervised_spawn",
    severity: Severity::Warning,
    summary: "a bare spawn starts a process without supervisor, link or monitor",
    reason: "when it crashes nobody learns of it, and at shutdown nobody waits for it",
    fix: "start it under a Task.Supervisor or DynamicSupervisor, or use spawn_monitor/1 and handle :DOWN",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    if subject.is_tooling() {
        return;
    }
    let text = subject.text();
    for clause in &subject.clauses {
        if defines_spawn(subject, &clause.chunk.module) {
            continue;
        }
        walk(clause.node, |node| {
            let bare = call_name(node, text) == Some("spawn") && node != clause.head.call
                || remote_name(node, text) == Some((":erlang", "spawn"));
            if bare && has_arguments(node) {
                hits.push(Hit::new(line(node), "spawn without supervision"));
            }
            true
        });
    }
}

/// A module with a `spawn` of its own means that one.
fn defines_spawn(subject: &Subject<'_>, module: &str) -> bool {
    subject
        .graph
        .functions_of(module)
        .iter()
        .any(|chunk| chunk.name == "spawn")
}

fn has_arguments(node: tree_sitter::Node<'_>) -> bool {
    matches!(crate::syntax::argument_nodes(node).len(), 1 | 3)
}
