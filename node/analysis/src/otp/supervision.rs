//! Supervision: which children a module starts, in which order, under which strategy.

use super::{ModuleFacts, full_name, quote};
use crate::analyze::Located;
use crate::module::ModuleInfo;
use crate::syntax::{
    alias_text, argument_nodes, call_name, keyword_pairs, kinds, left, line, named_children,
    operator, remote_name, right, slice, walk,
};
use serde::{Deserialize, Serialize};
use tree_sitter::Node;

/// Child specifications are unwrapped this deep.
const MAX_WRAPPING: u8 = 4;

/// The children of a supervisor or application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// `one_for_one` and so on; absent when it is computed.
    pub strategy: Option<String>,
    /// Children whose list is written down, in start order.
    pub children: Vec<Child>,
    pub line: u32,
}

/// One child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// Full module name; absent when the entry is computed.
    pub module: Option<String>,
    /// The entry as written.
    pub text: String,
    pub line: u32,
}

pub(super) fn gather(
    module: &ModuleInfo,
    own: &[Located<'_>],
    text: &str,
    facts: &mut ModuleFacts,
) {
    for located in own {
        walk(located.node, |node| {
            let starts = matches!(
                remote_name(node, text),
                Some(("Supervisor", "start_link" | "init"))
            );
            if starts
                && facts.supervision.is_none()
                && let [children, rest @ ..] = argument_nodes(node).as_slice()
            {
                facts.supervision =
                    supervision(module, located.node, *children, rest, text, line(node));
            }
            true
        });
    }
}

fn supervision(
    module: &ModuleInfo,
    function: Node<'_>,
    children: Node<'_>,
    rest: &[Node<'_>],
    text: &str,
    line: u32,
) -> Option<Supervision> {
    // `Supervisor.start_link(__MODULE__, arg)` starts this module, it lists nothing.
    let list = written_list(function, children, text)?;
    let options = rest
        .first()
        .copied()
        .map(|options| written_options(function, options, text));
    let strategy = options
        .into_iter()
        .flatten()
        .find(|(key, _)| *key == "strategy")
        .map(|(_, value)| slice(value, text).trim_start_matches(':').to_owned());
    let children = named_children(list)
        .into_iter()
        .map(|entry| child(module, entry, text))
        .collect();
    Some(Supervision {
        strategy,
        children,
        line,
    })
}

/// The list itself, or the list a variable was bound to in the same function.
fn written_list<'t>(function: Node<'t>, node: Node<'t>, text: &str) -> Option<Node<'t>> {
    let kinds = kinds();
    if node.kind_id() == kinds.list {
        return Some(node);
    }
    let bound = binding(function, node, text)?;
    // `[…] ++ extra` and `extra ++ […]` still show most children.
    let mut list = None;
    walk(bound, |inner| {
        let descend = inner.kind_id() == kinds.binary_operator;
        if inner.kind_id() == kinds.list && list.is_none() {
            list = Some(inner);
        }
        descend && list.is_none()
    });
    list
}

fn written_options<'t, 's>(
    function: Node<'t>,
    node: Node<'t>,
    text: &'s str,
) -> Vec<(&'s str, Node<'t>)> {
    let pairs = keyword_pairs(node, text);
    if !pairs.is_empty() {
        return pairs;
    }
    binding(function, node, text)
        .map(|list| keyword_pairs(list, text))
        .unwrap_or_default()
}

fn binding<'t>(function: Node<'t>, variable: Node<'t>, text: &str) -> Option<Node<'t>> {
    if variable.kind_id() != kinds().identifier {
        return None;
    }
    let name = slice(variable, text);
    let mut found = None;
    walk(function, |node| {
        if node.kind_id() == kinds().binary_operator
            && operator(node, text) == "="
            && left(node).is_some_and(|left| slice(left, text) == name)
        {
            found = right(node);
        }
        true
    });
    found
}

fn child(module: &ModuleInfo, entry: Node<'_>, text: &str) -> Child {
    Child {
        module: child_module(module, entry, text, MAX_WRAPPING),
        text: quote(slice(entry, text)),
        line: line(entry),
    }
}

fn child_module(module: &ModuleInfo, entry: Node<'_>, text: &str, depth: u8) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let kinds = kinds();
    let kind = entry.kind_id();
    if kind == kinds.alias || slice(entry, text) == "__MODULE__" {
        return Some(full_name(module, &alias_text(slice(entry, text))));
    }
    if kind == kinds.tuple {
        return child_module(module, named_children(entry).first().copied()?, text, depth);
    }
    if kind == kinds.map {
        return started_module(module, entry, text, depth);
    }
    if kind == kinds.call {
        let wraps = matches!(remote_name(entry, text), Some(("Supervisor", "child_spec")))
            || matches!(call_name(entry, text), Some("worker" | "supervisor"));
        let first = argument_nodes(entry).first().copied()?;
        return if wraps {
            child_module(module, first, text, depth)
        } else {
            None
        };
    }
    None
}

/// `%{start: {Mod, :fun, args}}`.
fn started_module(module: &ModuleInfo, map: Node<'_>, text: &str, depth: u8) -> Option<String> {
    let mut start = None;
    walk(map, |node| {
        if node.kind_id() == kinds().keywords && start.is_none() {
            start = keyword_pairs(node, text)
                .into_iter()
                .find(|(key, _)| *key == "start")
                .map(|(_, value)| value);
        }
        start.is_none()
    });
    child_module(module, start?, text, depth)
}
