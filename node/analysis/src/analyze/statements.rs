//! Statements at the level of a module or file, each sent to the chunk it belongs to.

use super::containers::holds_definitions;
use super::walker::{MAX_NESTING, Scope, Walker};
use crate::chunk::{ChunkKind, FunctionKind};
use crate::module::StructField;
use crate::syntax::{
    argument_nodes, call_name, do_block, keyword_pairs, kinds, named_children, operand, slice,
    span, statements, without_do,
};
use tree_sitter::Node;

/// Longest label taken from a call's first argument, in characters.
const MAX_LABEL: usize = 60;
/// Neighbouring script statements join until this many bytes.
const MAX_SCRIPT_BYTES: u32 = 1_500;

impl Walker<'_> {
    /// Takes in one statement.
    pub(crate) fn statement(&mut self, scope: &mut Scope, node: Node<'_>) {
        let kinds = kinds();
        if node.kind_id() == kinds.comment {
            scope.pending.join(node, false);
            return;
        }
        if node.is_error() {
            return self.debris(scope, node);
        }
        if node.kind_id() == kinds.unary_operator
            && slice(node, self.text).starts_with('@')
            && scope.module.is_some()
        {
            return self.attribute(scope, node);
        }
        match call_name(node, self.text) {
            Some(name) => self.named_statement(scope, node, name),
            None => self.plain_statement(scope, node),
        }
    }

    fn named_statement(&mut self, scope: &mut Scope, node: Node<'_>, name: &str) {
        let inside = scope.module.is_some();
        match name {
            "defmodule" | "defprotocol" | "defimpl" => {
                scope.pending = super::walker::Pending::default();
                self.module(scope, node, name);
                scope.last = None;
            }
            "alias" | "import" | "require" | "use" => {
                self.directive(scope, node, name);
                self.header(scope, node);
            }
            "defoverridable" if inside => self.header(scope, node),
            "defstruct" | "defexception" if inside => {
                self.structure(scope, node);
                self.data(scope, node, name);
            }
            "test" | "property" if inside => self.test(scope, node),
            "setup" | "setup_all" if inside => self.test_setup(scope, node, name),
            "describe" if inside && do_block(node).is_some() => self.describe(scope, node),
            "if" | "unless" | "for" | "case" | "cond" | "with" | "quote" | "try" if inside => {
                self.container(scope, node, name);
            }
            _ => match FunctionKind::from_keyword(name) {
                Some(kind) if inside => self.definition(scope, node, kind),
                _ if inside => self.data(scope, node, name),
                _ => self.script(scope, node),
            },
        }
    }

    /// A remote call, a match, a literal.
    fn plain_statement(&mut self, scope: &mut Scope, node: Node<'_>) {
        if scope.module.is_none() {
            return self.script(scope, node);
        }
        if node.kind_id() == kinds().call && holds_definitions(node, self.text) {
            return self.container(scope, node, "each");
        }
        self.header(scope, node);
    }

    /// Adds a statement to the module's header.
    pub(super) fn header(&mut self, scope: &mut Scope, node: Node<'_>) {
        let Some(header) = scope.header else {
            return self.script(scope, node);
        };
        let start = scope.pending.take_start(node);
        self.extend(scope, header, start, node);
        // The directive or attribute itself is no call.
        let inner = operand(node).map_or(0, |operand| operand.id());
        let silent = if is_directive(node, self.text) {
            node.id()
        } else {
            inner
        };
        let nested = self.body(scope, None, node, [silent, 0]);
        self.nested_modules(scope, nested);
    }

    /// Adds a DSL call of its own, or lengthens a run of the same one-line calls.
    pub(super) fn data(&mut self, scope: &mut Scope, node: Node<'_>, name: &str) {
        let start = scope.pending.take_start(node);
        let label = self.label(node, name);
        let chunk = match self.run_to_join(scope, node, name) {
            Some(chunk) => chunk,
            None => self.add_chunk(
                scope,
                ChunkKind::Data {
                    call: name.to_owned(),
                },
                &label,
                (0, 0),
            ),
        };
        scope.run = do_block(node).is_none();
        self.extend(scope, chunk, start, node);
        let nested = self.body(scope, Some(chunk), node, [0, 0]);
        self.nested_modules(scope, nested);
    }

    fn run_to_join(&self, scope: &Scope, node: Node<'_>, name: &str) -> Option<usize> {
        let last = scope.last?;
        let chunk = self.chunks.get(last)?;
        let same = matches!(&chunk.kind, ChunkKind::Data { call } if call == name);
        let adjacent = span(node).start_line <= chunk.spans.last()?.end_line + 1;
        (same && adjacent && scope.run && name != "doctest" && do_block(node).is_none())
            .then_some(last)
    }

    /// Adds code outside modules, joining neighbours while they are small.
    pub(super) fn script(&mut self, scope: &mut Scope, node: Node<'_>) {
        let start = scope.pending.take_start(node);
        let size = node.end_byte() as u32 - start.0;
        // Each configuration block is looked up on its own.
        let configures = call_name(node, self.text) == Some("config");
        let joined = scope.last.filter(|last| {
            let Some(chunk) = self.chunks.get(*last) else {
                return false;
            };
            let length: u32 = chunk
                .spans
                .iter()
                .map(|span| span.end_byte - span.start_byte)
                .sum();
            chunk.kind == ChunkKind::Script
                && !configures
                && !chunk.name.starts_with("config ")
                && length + size <= MAX_SCRIPT_BYTES
        });
        let chunk = match joined {
            Some(chunk) => chunk,
            None => {
                let label = self.label(node, call_name(node, self.text).unwrap_or("script"));
                self.add_chunk(scope, ChunkKind::Script, &label, (0, 0))
            }
        };
        self.extend(scope, chunk, start, node);
        let nested = self.body(scope, Some(chunk), node, [0, 0]);
        self.nested_modules(scope, nested);
    }

    /// Reads the modules that a body defines.
    pub(super) fn nested_modules(&mut self, scope: &Scope, nested: Vec<Node<'_>>) {
        for node in nested {
            if let Some(name) = call_name(node, self.text) {
                self.module(scope, node, name);
            }
        }
    }

    /// `name "first argument"`, shortened.
    pub(super) fn label(&self, node: Node<'_>, name: &str) -> String {
        let arguments = argument_nodes(node);
        let shown = match arguments.as_slice() {
            [application, key, ..] if name == "config" && key.kind_id() == kinds().alias => {
                without_do(&[*application, *key], self.text)
            }
            [first, ..] => slice(*first, self.text),
            [] => "",
        };
        let first = shown.lines().next().unwrap_or_default();
        let label = if first.is_empty() {
            name.to_owned()
        } else {
            format!("{name} {first}")
        };
        label.chars().take(MAX_LABEL).collect()
    }

    fn structure(&mut self, scope: &Scope, node: Node<'_>) {
        let kinds = kinds();
        let mut fields = Vec::new();
        for argument in argument_nodes(node) {
            if argument.kind_id() == kinds.list {
                for item in named_children(argument)
                    .into_iter()
                    .filter(|item| item.kind_id() == kinds.atom)
                {
                    let name = slice(item, self.text).trim_start_matches(':').to_owned();
                    fields.push(StructField {
                        name,
                        default: "nil".to_owned(),
                    });
                }
            }
            for (key, value) in keyword_pairs(argument, self.text) {
                fields.push(StructField {
                    name: key.to_owned(),
                    default: slice(value, self.text).to_owned(),
                });
            }
        }
        if let Some(info) = scope.module.and_then(|module| self.modules.get_mut(module)) {
            info.struct_fields = Some(fields);
        }
    }

    /// What the parser could not place: the whole definitions inside are still worth having.
    fn debris(&mut self, scope: &mut Scope, node: Node<'_>) {
        scope.pending = super::walker::Pending::default();
        if self.nesting >= MAX_NESTING {
            return;
        }
        self.nesting += 1;
        for child in statements(node) {
            if is_definition(child, self.text) && !child.has_error() {
                self.statement(scope, child);
            }
        }
        self.nesting -= 1;
    }
}

fn is_directive(node: Node<'_>, text: &str) -> bool {
    call_name(node, text).is_some_and(|name| matches!(name, "alias" | "import" | "require" | "use"))
}

pub(super) fn is_definition(node: Node<'_>, text: &str) -> bool {
    call_name(node, text).is_some_and(|name| {
        FunctionKind::from_keyword(name).is_some()
            || matches!(
                name,
                "defmodule"
                    | "defimpl"
                    | "defprotocol"
                    | "test"
                    | "property"
                    | "describe"
                    | "alias"
                    | "import"
                    | "require"
                    | "use"
                    | "defstruct"
            )
    })
}
