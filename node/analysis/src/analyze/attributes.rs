//! Module attributes: documentation, specs, types, behaviours, and the plain ones.

use super::head::small;
use super::walker::{Scope, Walker};
use crate::chunk::{ChunkKind, Doc};
use crate::module::{Attribute, TypeDef};
use crate::syntax::{
    argument_nodes, call_name, kinds, left, operand, operator, right, slice, string_value, target,
    without_do,
};
use tree_sitter::Node;

impl Walker<'_> {
    /// Takes in `@name value`.
    pub(super) fn attribute(&mut self, scope: &mut Scope, node: Node<'_>) {
        let Some(operand) = operand(node) else { return };
        let Some(name) = call_name(operand, self.text) else {
            return self.header(scope, node);
        };
        let arguments = argument_nodes(operand);
        let Some(value) = arguments.first().copied() else {
            return self.header(scope, node);
        };
        match name {
            "doc" => {
                scope.pending.doc = self.doc(value).or_else(|| scope.pending.doc.take());
                self.wait(scope, node);
            }
            "spec" => {
                self.spec(scope, value);
                self.wait(scope, node);
            }
            "impl" => {
                let module = self.module_of(scope, value);
                scope.pending.implements =
                    Some(module.unwrap_or_else(|| slice(value, self.text).to_owned()));
                self.wait(scope, node);
            }
            "typedoc" | "deprecated" | "since" | "dialyzer" | "tag" => self.wait(scope, node),
            "type" | "typep" | "opaque" => self.type_definition(scope, node, name, value),
            "callback" | "macrocallback" => self.type_definition(scope, node, name, value),
            "moduledoc" => {
                if let Some(doc) = self.doc(value)
                    && let Some(module) = scope.module
                {
                    self.modules[module].doc = doc;
                }
                self.header(scope, node);
            }
            "behaviour" => {
                if let (Some(behaviour), Some(module)) =
                    (self.module_of(scope, value), scope.module)
                {
                    self.modules[module].behaviours.push(behaviour);
                }
                self.header(scope, node);
            }
            _ => self.plain_attribute(scope, node, name, &arguments),
        }
    }

    fn plain_attribute(
        &mut self,
        scope: &mut Scope,
        node: Node<'_>,
        name: &str,
        arguments: &[Node<'_>],
    ) {
        if let [value] = arguments
            && value.kind_id() == kinds().alias
            && let Some(full) = self.module_of(scope, *value)
        {
            scope.module_attributes.push((name.to_owned(), full));
        }
        if let Some(module) = scope.module {
            self.modules[module].attributes.push(Attribute {
                name: name.to_owned(),
                value: without_do(arguments, self.text).to_owned(),
                line: node.start_position().row as u32 + 1,
            });
        }
        if scope.pending.from_attribute {
            // It stands between a definition and its attributes: part of that definition's text.
            scope.pending.join(node, true);
            self.body(
                scope,
                None,
                node,
                [operand(node).map_or(0, |operand| operand.id()), 0],
            );
            return;
        }
        let Some(header) = scope.header else { return };
        let start = scope.pending.take_start(node);
        self.extend(scope, header, start, node);
        self.body(
            scope,
            None,
            node,
            [operand(node).map_or(0, |operand| operand.id()), 0],
        );
    }

    /// Joins an attribute to the definition that follows.
    fn wait(&mut self, scope: &mut Scope, node: Node<'_>) {
        scope.pending.join(node, true);
        // Indentation inside a heredoc is layout, not content.
        for line in slice(node, self.text).split_ascii_whitespace() {
            scope.pending.tokens.extend_from_slice(line.as_bytes());
            scope.pending.tokens.push(0);
        }
    }

    fn doc(&self, value: Node<'_>) -> Option<Doc> {
        let kinds = kinds();
        if value.kind_id() == kinds.boolean {
            return (slice(value, self.text) == "false").then_some(Doc::Hidden);
        }
        if value.kind_id() == kinds.keywords
            || value.kind_id() == kinds.list
            || value.kind_id() == kinds.nil
        {
            return None;
        }
        Some(Doc::Text(
            string_value(value, self.text).unwrap_or_else(|| slice(value, self.text).to_owned()),
        ))
    }

    fn spec(&self, scope: &mut Scope, value: Node<'_>) {
        let Some((name, arity)) = self.typed_head(value) else {
            return;
        };
        scope
            .specs
            .push((name, arity, slice(value, self.text).to_owned()));
    }

    /// Name and arity of `name(args) :: result`, also under `when`.
    fn typed_head(&self, node: Node<'_>) -> Option<(String, u8)> {
        self.unwrap_typed_head(node, 4)
    }

    fn unwrap_typed_head(&self, node: Node<'_>, depth: u8) -> Option<(String, u8)> {
        let depth = depth.checked_sub(1)?;
        let kinds = kinds();
        let kind = node.kind_id();
        if kind == kinds.identifier {
            return Some((slice(node, self.text).to_owned(), 0));
        }
        if kind == kinds.call {
            let name = target(node).filter(|target| target.kind_id() == kinds.identifier)?;
            return Some((
                slice(name, self.text).to_owned(),
                small(argument_nodes(node).len()),
            ));
        }
        if kind == kinds.unary_operator {
            return Some((operator(node, self.text).to_owned(), 1));
        }
        if kind == kinds.binary_operator {
            return match operator(node, self.text) {
                "::" | "when" => self.unwrap_typed_head(left(node)?, depth),
                name => right(node).map(|_| (name.to_owned(), 2)),
            };
        }
        None
    }

    fn type_definition(&mut self, scope: &mut Scope, node: Node<'_>, kind: &str, value: Node<'_>) {
        let (name, arity) = self
            .typed_head(value)
            .unwrap_or_else(|| (slice(value, self.text).chars().take(40).collect(), 0));
        let definition = TypeDef {
            kind: kind.to_owned(),
            name: name.clone(),
            arity,
            text: slice(value, self.text).to_owned(),
            line: node.start_position().row as u32 + 1,
        };
        if let Some(module) = scope.module {
            let info = &mut self.modules[module];
            if kind.ends_with("callback") {
                info.callbacks.push(definition);
            } else {
                info.types.push(definition);
            }
        }
        scope.pending.doc = None;
        let start = scope.pending.take_start(node);
        let chunk = match scope
            .last
            .filter(|last| self.chunks[*last].kind == ChunkKind::Types)
        {
            Some(chunk) => chunk,
            None => self.add_chunk(scope, ChunkKind::Types, &name, (0, 0)),
        };
        let mut waiting = std::mem::take(&mut scope.pending.tokens);
        self.tokens[chunk].append(&mut waiting);
        for word in slice(node, self.text).split_ascii_whitespace() {
            self.tokens[chunk].extend_from_slice(word.as_bytes());
        }
        self.extend(scope, chunk, start, node);
    }
}
