//! The head of a definition: name, arity, defaults.

use crate::syntax::{
    argument_nodes, kinds, left, named_children, operand, operator, right, slice, target,
};
use tree_sitter::Node;

/// What the head of a `def` says. The arity counts all parameters; `defaults` of them may be left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'t, 's> {
    pub(crate) name: &'s str,
    pub(crate) name_node: Node<'t>,
    /// The node that looks like a call of the function itself.
    pub(crate) call: Node<'t>,
    pub(crate) arity: u8,
    pub(crate) defaults: u8,
}

/// Parentheses and guards around a head are looked through this deep.
const MAX_WRAPPING: u8 = 8;

/// Reads a head; `None` when the name is computed (`def unquote(name)()`).
pub(crate) fn parse_head<'t, 's>(node: Node<'t>, text: &'s str) -> Option<Head<'t, 's>> {
    unwrap_head(node, text, MAX_WRAPPING)
}

fn unwrap_head<'t, 's>(node: Node<'t>, text: &'s str, depth: u8) -> Option<Head<'t, 's>> {
    let depth = depth.checked_sub(1)?;
    let kinds = kinds();
    let kind = node.kind_id();
    if kind == kinds.identifier {
        return Some(Head {
            name: slice(node, text),
            name_node: node,
            call: node,
            arity: 0,
            defaults: 0,
        });
    }
    if kind == kinds.call {
        let name_node = target(node).filter(|target| target.kind_id() == kinds.identifier)?;
        let name = slice(name_node, text);
        if name == "unquote" {
            return None;
        }
        let parameters = argument_nodes(node);
        let defaults = parameters
            .iter()
            .filter(|parameter| is_default(**parameter, text))
            .count();
        return Some(Head {
            name,
            name_node,
            call: node,
            arity: small(parameters.len()),
            defaults: small(defaults),
        });
    }
    if kind == kinds.unary_operator {
        let name_node = node.child_by_field_id(kinds.field_operator)?;
        operand(node)?;
        return Some(Head {
            name: slice(name_node, text),
            name_node,
            call: node,
            arity: 1,
            defaults: 0,
        });
    }
    if kind == kinds.binary_operator {
        return operator_head(node, text, depth);
    }
    if kind == kinds.block {
        let inner = named_children(node);
        return match inner.as_slice() {
            [only] if only.kind_id() == kinds.binary_operator => unwrap_head(*only, text, depth),
            _ => None,
        };
    }
    None
}

fn operator_head<'t, 's>(node: Node<'t>, text: &'s str, depth: u8) -> Option<Head<'t, 's>> {
    let name_node = node.child_by_field_id(kinds().field_operator)?;
    match operator(node, text) {
        "when" => unwrap_head(left(node)?, text, depth),
        "//" if left(node).is_some_and(|range| operator(range, text) == "..") => Some(Head {
            name: "..//",
            name_node,
            call: node,
            arity: 3,
            defaults: 0,
        }),
        name => {
            right(node)?;
            Some(Head {
                name,
                name_node,
                call: node,
                arity: 2,
                defaults: 0,
            })
        }
    }
}

fn is_default(parameter: Node<'_>, text: &str) -> bool {
    parameter.kind_id() == kinds().binary_operator && operator(parameter, text) == "\\\\"
}

/// Arities above 255 do not exist on the BEAM.
pub(crate) fn small(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}
