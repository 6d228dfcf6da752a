//! One parameter of a clause: its name, the value or struct it insists on, its default.

use super::one_line;
use crate::literal::{Literal, from_node};
use crate::syntax::{argument_nodes, call_name, left, named_children, operator, right, slice};
use tree_sitter::Node;

/// A parameter as one clause writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameter {
    pub(crate) text: String,
    /// The variable that holds the whole argument, without a leading underscore.
    pub(crate) name: Option<String>,
    /// The clause takes only this value.
    pub(crate) literal: Option<Literal>,
    pub(crate) default: Option<String>,
    /// `%Name{}` as written.
    pub(crate) structure: Option<String>,
    /// Shape of the pattern when it is a plain map, list, tuple or binary.
    pub(crate) shape: Option<&'static str>,
}

pub(super) fn read(node: Node<'_>, text: &str) -> Parameter {
    let mut parameter = Parameter {
        text: one_line(slice(node, text)),
        ..Parameter::default()
    };
    fill(node, text, &mut parameter);
    parameter
}

fn fill(node: Node<'_>, text: &str, parameter: &mut Parameter) {
    match node.kind() {
        "identifier" => {
            let name = slice(node, text).trim_start_matches('_');
            if !name.is_empty() {
                parameter.name = Some(name.to_owned());
            }
        }
        "binary_operator" => operator_pattern(node, text, parameter),
        "map" => {
            let structure = named_children(node)
                .into_iter()
                .find(|part| part.kind() == "struct");
            parameter.structure = structure.map(|s| slice(s, text).to_owned());
            parameter.shape = Some("map");
        }
        "call" if call_name(node, text) == Some("unquote") => {}
        "call" => {
            // `name in pattern` macros and the like: only a sigil-like call of one variable says its name.
            parameter.name = argument_nodes(node)
                .first()
                .map(|a| slice(*a, text).to_owned())
                .filter(|n| is_variable(n));
        }
        kind => {
            parameter.literal = from_node(node, text);
            parameter.shape = match kind {
                "list" => Some("list"),
                "tuple" => Some("tuple"),
                "bitstring" => Some("binary"),
                _ => None,
            };
        }
    }
}

fn operator_pattern(node: Node<'_>, text: &str, parameter: &mut Parameter) {
    let (Some(left), Some(right)) = (left(node), right(node)) else {
        return;
    };
    match operator(node, text) {
        "\\\\" => {
            fill(left, text, parameter);
            parameter.default = Some(one_line(slice(right, text)));
        }
        "=" => {
            fill(left, text, parameter);
            let mut other = Parameter::default();
            fill(right, text, &mut other);
            parameter.name = parameter.name.take().or(other.name);
            parameter.literal = parameter.literal.take().or(other.literal);
            parameter.structure = parameter.structure.take().or(other.structure);
            parameter.shape = parameter.shape.or(other.shape);
        }
        "<>" => parameter.shape = Some("binary"),
        _ => parameter.literal = from_node(node, text),
    }
}

fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_lowercase())
        && text.chars().all(|c| c == '_' || c.is_alphanumeric())
}
