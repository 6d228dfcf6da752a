//! Tests that wait by the clock.

use super::{Hit, Rule, Severity, Subject};
use crate::syntax::{argument_nodes, line, remote_name, slice, walk};

pub(super) const RULE: Rule = Rule {
    name: "sleep_in_test",
    severity: Severity::Warning,
    summary: "a test sleeps for a fixed time",
    reason: "it is too long on a fast machine and too short on a busy one, so it wastes time and fails at random",
    fix: "wait for the event itself: assert_receive, a monitor and its :DOWN message, or a synchronous call",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    if !subject.is_test() {
        return;
    }
    let text = subject.text();
    walk(subject.root(), |node| {
        if matches!(
            remote_name(node, text),
            Some(("Process" | ":timer", "sleep"))
        ) {
            let duration = argument_nodes(node)
                .first()
                .map(|first| slice(*first, text))
                .unwrap_or_default();
            // Sleeping for ever is how a stand-in process stays alive.
            if !duration.is_empty() && duration != ":infinity" {
                hits.push(Hit::new(line(node), format!("sleeps for {duration} ms")));
            }
        }
        true
    });
}
