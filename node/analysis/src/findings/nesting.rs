//! Branches within branches.

use super::{Hit, Rule, Severity, Subject};
use crate::metrics::deepest;

/// Four levels of `if` and `case` in one function are more than a reader holds.
const MAX_NESTING: u32 = 3;

pub(super) const RULE: Rule = Rule {
    name: "deep_nesting",
    severity: Severity::Hint,
    summary: "if, case and their kin are nested more than three deep",
    reason: "each level is one more condition to keep in mind for every line inside",
    fix: "move the inner part to a function of its own, match in its clauses, or chain the steps with `with`",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    for clause in &subject.clauses {
        let (depth, line) = deepest(clause.node, subject.text());
        if depth > MAX_NESTING {
            hits.push(Hit::new(
                line,
                format!("{depth} levels of branches in {}", clause.head.name),
            ));
        }
    }
}
