//! A server that asks for messages and has no clause to take them.

use super::{Hit, Rule, Severity, Subject, is_deferred};
use crate::syntax::{argument_nodes, call_name, line, remote_name, slice, walk};
use tree_sitter::Node;

pub(super) const RULE: Rule = Rule {
    name: "unhandled_message",
    severity: Severity::Warning,
    summary: "a GenServer arranges for a message but defines no handle_info/2",
    reason: "the default handle_info/2 only logs the message: the timer or monitor has no effect",
    fix: "add a handle_info/2 clause for the message, with @impl true",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    let text = subject.text();
    for clause in &subject.clauses {
        let module = clause.chunk.module.as_str();
        let in_server = matches!(
            clause.head.name,
            "init" | "handle_call" | "handle_cast" | "handle_continue"
        );
        let direct = subject
            .module(module)
            .is_some_and(|info| info.uses.iter().any(|used| used.module == "GenServer"));
        if !in_server || !direct || takes_messages(subject, module) {
            continue;
        }
        walk(clause.node, |node| {
            if let Some(what) = arranges(node, text)
                && !is_deferred(node, clause.node, text)
            {
                hits.push(Hit::new(
                    line(node),
                    format!("{what}, but {module} has no handle_info/2"),
                ));
            }
            true
        });
    }
}

/// A definition of `handle_info`, a `receive`, or code that is made elsewhere.
fn takes_messages(subject: &Subject<'_>, module: &str) -> bool {
    let text = subject.text();
    let defined = subject.graph.function(module, "handle_info", 2).is_some();
    let other_uses = subject.module(module).is_some_and(|info| {
        info.uses
            .iter()
            .any(|used| subject.graph.module(&used.module).is_some())
    });
    let mut receives = false;
    walk(subject.root(), |node| {
        receives |= call_name(node, text) == Some("receive");
        !receives
    });
    defined || other_uses || receives || text.contains("handle_info")
}

fn arranges(node: Node<'_>, text: &str) -> Option<&'static str> {
    let arguments = argument_nodes(node);
    let first = arguments
        .first()
        .map(|first| slice(*first, text))
        .unwrap_or_default();
    match remote_name(node, text)? {
        ("Process", "send_after") if first == "self()" => {
            Some("Process.send_after/3 sends to itself")
        }
        (":timer", "send_interval") if arguments.len() == 2 => {
            Some(":timer.send_interval/2 sends to itself")
        }
        ("Process", "monitor") => Some("Process.monitor/1 brings a :DOWN message"),
        (":net_kernel", "monitor_nodes") if first == "true" => {
            Some(":net_kernel.monitor_nodes/1 brings messages")
        }
        _ => None,
    }
}
