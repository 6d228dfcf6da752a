//! Two passes where one function of the standard library does both, with exactly the same result.

use super::{Hit, Rule, Severity, Subject};
use crate::syntax::{argument_nodes, kinds, left, line, operator, remote_name, right, slice, walk};
use tree_sitter::Node;

pub(super) const RULE: Rule = Rule {
    name: "combined_call",
    severity: Severity::Hint,
    summary: "two Enum calls in a row have one function that does both",
    reason: "the list between them is built only to be thrown away",
    fix: "use the combined function",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    let text = subject.text();
    walk(subject.root(), |node| {
        if node.kind_id() == kinds().binary_operator
            && operator(node, text) == "|>"
            && let (Some(before), Some(last)) = (left(node), right(node))
            && let Some(combined) = combination(previous(before, text), last, text)
        {
            let (_, first) = remote_name(previous(before, text), text).unwrap_or_default();
            let (module, second) = remote_name(last, text).unwrap_or_default();
            let hit = Hit::new(
                line(last),
                format!("Enum.{first} and then {module}.{second}"),
            );
            hits.push(hit.with_fix(format!("use {combined}")));
        }
        true
    });
}

/// The step before: the right side of the pipe on the left, or the call that begins the pipeline.
fn previous<'t>(before: Node<'t>, text: &str) -> Node<'t> {
    let is_pipe = before.kind_id() == kinds().binary_operator && operator(before, text) == "|>";
    if is_pipe {
        right(before).unwrap_or(before)
    } else {
        before
    }
}

fn combination(first: Node<'_>, second: Node<'_>, text: &str) -> Option<&'static str> {
    let (Some(("Enum", earlier)), Some((module, later))) =
        (remote_name(first, text), remote_name(second, text))
    else {
        return None;
    };
    let arguments = argument_nodes(second);
    let only = |wanted: &str| matches!(arguments.as_slice(), [one] if slice(*one, text) == wanted);
    match (earlier, module, later) {
        ("map", "Enum", "join") if arguments.len() <= 1 => Some("Enum.map_join/3"),
        ("map", "Enum", "concat") if arguments.is_empty() => Some("Enum.flat_map/2"),
        ("map", "Enum", "into") if only("%{}") => Some("Map.new/2"),
        ("filter", "Enum", "count") if arguments.is_empty() => Some("Enum.count/2"),
        ("reverse", "Enum", "concat") if arguments.len() == 1 => Some("Enum.reverse/2"),
        _ => None,
    }
}
