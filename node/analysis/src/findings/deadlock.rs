//! A server that calls itself and waits for its own answer.

use super::{Hit, Rule, Severity, Subject, is_deferred};
use crate::analyze::Located;
use crate::syntax::{argument_nodes, call_name, line, remote_name, slice, walk};
use tree_sitter::Node;

pub(super) const RULE: Rule = Rule {
    name: "self_call",
    severity: Severity::Error,
    summary: "a GenServer callback calls its own process and waits",
    reason: "the process cannot answer while it runs the callback: the call times out and the server exits",
    fix: "do the work directly on the state, or use GenServer.cast/2 or {:continue, term}",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    for clause in &subject.clauses {
        if !is_server_callback(clause) || !subject.uses(&clause.chunk.module, "GenServer") {
            continue;
        }
        let text = subject.text();
        walk(clause.node, |node| {
            if calls_itself(node, text) && !is_deferred(node, clause.node, text) {
                hits.push(Hit::new(
                    line(node),
                    format!("{} calls its own process", clause.head.name),
                ));
            } else if let Some(name) = call_name(node, text)
                && node != clause.node
                && node != clause.head.call
                && client_function(subject, clause, name, node)
                && !is_deferred(node, clause.node, text)
            {
                hits.push(Hit::new(
                    line(node),
                    format!("{} calls its own process through {name}", clause.head.name),
                ));
            }
            true
        });
    }
}

fn is_server_callback(clause: &Located<'_>) -> bool {
    matches!(
        (clause.head.name, clause.head.arity),
        ("init", 1)
            | ("handle_call", 3)
            | (
                "handle_cast" | "handle_info" | "handle_continue" | "terminate",
                2
            )
    )
}

/// `GenServer.call(self(), …)` or `GenServer.call(__MODULE__, …)`.
fn calls_itself(node: Node<'_>, text: &str) -> bool {
    remote_name(node, text) == Some(("GenServer", "call"))
        && argument_nodes(node)
            .first()
            .is_some_and(|to| matches!(slice(*to, text), "self()" | "__MODULE__"))
}

/// A function of the same module whose every clause begins and ends with a call to the module's own process.
fn client_function(subject: &Subject<'_>, from: &Located<'_>, name: &str, call: Node<'_>) -> bool {
    let arity = argument_nodes(call).len();
    let text = subject.text();
    let mut clauses = subject
        .clauses
        .iter()
        .filter(|clause| {
            clause.chunk.module == from.chunk.module
                && clause.head.name == name
                && usize::from(clause.head.arity) == arity
        })
        .peekable();
    clauses.peek().is_some() && clauses.all(|clause| body_is_self_call(clause, text))
}

fn body_is_self_call(clause: &Located<'_>, text: &str) -> bool {
    let body = match crate::syntax::do_block(clause.node) {
        Some(block) => match crate::syntax::named_children(block).as_slice() {
            [only] => Some(*only),
            _ => None,
        },
        None => crate::syntax::keyword_value(clause.node, "do", text),
    };
    body.is_some_and(|body| calls_itself(body, text))
}
