//! Questions about single nodes: target, arguments, block, keyword values.

use super::kinds;
use crate::chunk::Span;
use tree_sitter::Node;

/// Returns the text of a node; empty if the node is not of this text.
pub(crate) fn slice<'s>(node: Node<'_>, text: &'s str) -> &'s str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// Returns bytes and 1-based lines of a node.
pub(crate) fn span(node: Node<'_>) -> Span {
    Span {
        start_byte: node.start_byte() as u32,
        end_byte: node.end_byte() as u32,
        start_line: node.start_position().row as u32 + 1,
        end_line: node.end_position().row as u32 + 1,
    }
}

/// Returns the named children without comments.
pub(crate) fn named_children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .filter(|child| !child.is_extra())
        .collect()
}

/// Returns the named children with comments: the statements of a block in order.
pub(crate) fn statements<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

pub(crate) fn target<'t>(call: Node<'t>) -> Option<Node<'t>> {
    call.child_by_field_id(kinds().field_target)
}

pub(crate) fn left<'t>(node: Node<'t>) -> Option<Node<'t>> {
    node.child_by_field_id(kinds().field_left)
}

pub(crate) fn right<'t>(node: Node<'t>) -> Option<Node<'t>> {
    node.child_by_field_id(kinds().field_right)
}

pub(crate) fn operand<'t>(node: Node<'t>) -> Option<Node<'t>> {
    node.child_by_field_id(kinds().field_operand)
}

/// Returns the operator's text of a unary or binary operator node.
pub(crate) fn operator<'s>(node: Node<'_>, text: &'s str) -> &'s str {
    node.child_by_field_id(kinds().field_operator)
        .map_or("", |operator| slice(operator, text))
}

/// Returns the name of a local call (`name(...)`, `name ... do`), `None` for other nodes.
pub(crate) fn call_name<'s>(node: Node<'_>, text: &'s str) -> Option<&'s str> {
    if node.kind_id() != kinds().call {
        return None;
    }
    let target = target(node)?;
    (target.kind_id() == kinds().identifier).then(|| slice(target, text))
}

/// Returns the `arguments` node of a call.
pub(crate) fn arguments<'t>(call: Node<'t>) -> Option<Node<'t>> {
    child_of_kind(call, kinds().arguments)
}

/// Returns the arguments of a call one by one; trailing keywords are one `keywords` node.
pub(crate) fn argument_nodes<'t>(call: Node<'t>) -> Vec<Node<'t>> {
    arguments(call).map(named_children).unwrap_or_default()
}

/// Returns the `do … end` block of a call.
pub(crate) fn do_block<'t>(call: Node<'t>) -> Option<Node<'t>> {
    child_of_kind(call, kinds().do_block)
}

fn child_of_kind<'t>(node: Node<'t>, kind: u16) -> Option<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .find(|child| child.kind_id() == kind)
}

/// Returns key and value of each pair of a `keywords` node or of a list that holds one.
pub(crate) fn keyword_pairs<'t, 's>(node: Node<'t>, text: &'s str) -> Vec<(&'s str, Node<'t>)> {
    let kinds = kinds();
    if node.kind_id() == kinds.list {
        return named_children(node)
            .into_iter()
            .filter(|child| child.kind_id() == kinds.keywords)
            .flat_map(|child| keyword_pairs(child, text))
            .collect();
    }
    if node.kind_id() != kinds.keywords {
        return Vec::new();
    }
    named_children(node)
        .into_iter()
        .filter_map(|pair| pair_parts(pair, text))
        .collect()
}

fn pair_parts<'t, 's>(pair: Node<'t>, text: &'s str) -> Option<(&'s str, Node<'t>)> {
    let key = pair.child_by_field_id(kinds().field_key)?;
    let value = pair.child_by_field_id(kinds().field_value)?;
    Some((
        slice(key, text)
            .trim_end()
            .trim_end_matches(':')
            .trim_matches('"'),
        value,
    ))
}

/// Returns the value of one trailing keyword of a call, such as `to:` or `do:`.
pub(crate) fn keyword_value<'t>(call: Node<'t>, name: &str, text: &str) -> Option<Node<'t>> {
    let last = argument_nodes(call).into_iter().next_back()?;
    keyword_pairs(last, text)
        .into_iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Returns the text of a call's arguments without a `do:` body, for labels and options.
pub(crate) fn without_do<'s>(nodes: &[Node<'_>], text: &'s str) -> &'s str {
    let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
        return "";
    };
    text.get(first.start_byte()..last.end_byte())
        .unwrap_or_default()
}

/// Returns an alias as one word: the grammar allows white space around its dots.
pub(crate) fn alias_text(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Visits a node and everything below it, top down; `visit` says whether to go inside.
pub(crate) fn walk<'t>(root: Node<'t>, mut visit: impl FnMut(Node<'t>) -> bool) {
    let mut cursor = root.walk();
    loop {
        if visit(cursor.node()) && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// Returns module text and function name of a remote call (`Enum.map(…)`, `:ets.new(…)`).
pub(crate) fn remote_name<'s>(node: Node<'_>, text: &'s str) -> Option<(&'s str, &'s str)> {
    let kinds = kinds();
    if node.kind_id() != kinds.call {
        return None;
    }
    let dot = target(node).filter(|target| target.kind_id() == kinds.dot)?;
    Some((slice(left(dot)?, text), slice(right(dot)?, text)))
}

/// Returns the 1-based line a node starts on.
pub(crate) fn line(node: Node<'_>) -> u32 {
    node.start_position().row as u32 + 1
}
