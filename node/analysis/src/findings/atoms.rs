//! Atoms made from run-time input.

use super::{Hit, Rule, Severity, Subject, is_quoted};
use crate::chunk::{ChunkKind, FunctionKind};
use crate::syntax::{argument_nodes, kinds, line, remote_name, slice, walk};

pub(super) const RULE: Rule = Rule {
    name: "dynamic_atom",
    severity: Severity::Warning,
    summary: "an atom is made from a value that is only known at run time",
    reason: "atoms are never collected: input from outside can fill the table and stop the whole node",
    fix: "use String.to_existing_atom/1, or a map from the strings that are allowed",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    if subject.is_tooling() {
        return;
    }
    let text = subject.text();
    for clause in &subject.clauses {
        // Macros run in the compiler, on the author's own code.
        let runs = matches!(
            clause.chunk.kind,
            ChunkKind::Function {
                function: FunctionKind::Def | FunctionKind::Defp
            }
        );
        if !runs {
            continue;
        }
        walk(clause.node, |node| {
            let makes_atom = matches!(
                remote_name(node, text),
                Some(
                    ("String" | "List", "to_atom") | (":erlang", "binary_to_atom" | "list_to_atom")
                )
            );
            let arguments = if makes_atom {
                argument_nodes(node)
            } else {
                Vec::new()
            };
            // Without an argument it is piped or captured, and dynamic all the same. A literal with interpolations
            // is mostly put together from the program's own names.
            let literal = arguments.first().is_some_and(|first| {
                let kind = first.kind_id();
                let is_text = kind == kinds().string || kind == kinds().charlist;
                is_text || is_checked(slice(*first, text), slice(clause.node, text))
            });
            if makes_atom && !literal && !is_quoted(node, clause.node, text) {
                let (module, function) = remote_name(node, text).unwrap_or_default();
                hits.push(Hit::new(
                    line(node),
                    format!("{module}.{function} on a dynamic value"),
                ));
            }
            true
        });
    }
}

/// `value in allowed` somewhere in the same clause.
fn is_checked(argument: &str, clause: &str) -> bool {
    !argument.is_empty() && clause.contains(&format!("{argument} in "))
}
