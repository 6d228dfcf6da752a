//! Clauses too long or too branched to take in at once.

use super::{Hit, Rule, Severity, Subject};
use crate::metrics::branches;
use crate::syntax::{kinds, line, walk};
use tree_sitter::Node;

/// Lines of one clause.
const MAX_CLAUSE_LINES: usize = 80;
/// Ways through one clause.
const MAX_CLAUSE_COMPLEXITY: u32 = 25;

pub(super) const RULE: Rule = Rule {
    name: "large_function",
    severity: Severity::Hint,
    summary: "one clause is longer than eighty lines",
    reason: "it does several things, and none of them has a name or a test of its own",
    fix: "give the parts names: extract private functions along the empty lines and comments",
    check: check_lines,
};

pub(super) const COMPLEX_FUNCTION: Rule = Rule {
    name: "complex_function",
    severity: Severity::Hint,
    summary: "one clause has more than twenty-five ways through",
    reason: "so many branches are hardly ever all tested",
    fix: "turn the branches into function clauses, or into a table that is looked up",
    check: check_branches,
};

fn check_lines(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    for clause in &subject.clauses {
        let rows = clause.node.end_position().row - clause.node.start_position().row + 1;
        let lines = rows - quoted_lines(clause.node).min(rows);
        if lines > MAX_CLAUSE_LINES && !subject.is_test() {
            hits.push(Hit::new(
                line(clause.node),
                format!("{} is {lines} lines long", clause.head.name),
            ));
        }
    }
}

fn check_branches(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    for clause in &subject.clauses {
        let ways = branches(clause.node, subject.text()) + 1;
        if ways > MAX_CLAUSE_COMPLEXITY {
            hits.push(Hit::new(
                line(clause.node),
                format!("{} has {ways} ways through", clause.head.name),
            ));
        }
    }
}

/// Lines inside strings and sigils: markup and text are content, not steps.
fn quoted_lines(root: Node<'_>) -> usize {
    let mut lines = 0;
    walk(root, |node| {
        let is_text = node.kind_id() == kinds().string || node.kind_id() == kinds().sigil;
        if is_text {
            lines += node.end_position().row - node.start_position().row;
        }
        !is_text
    });
    lines
}
