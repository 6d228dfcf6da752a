//! Module-level code around definitions: `if`, `for`, `quote`, `Enum.each(…, fn … end)`.

use super::head::parse_head;
use super::statements::is_definition;
use super::walker::{MAX_NESTING, Scope, Walker};
use crate::chunk::FunctionKind;
use crate::syntax::{argument_nodes, call_name, kinds, named_children, statements, walk};
use tree_sitter::Node;

impl Walker<'_> {
    /// Module-level code around definitions; without definitions inside it is data.
    pub(super) fn container(&mut self, scope: &mut Scope, node: Node<'_>, name: &str) {
        if self.nesting >= MAX_NESTING || !holds_definitions(node, self.text) {
            return self.data(scope, node, name);
        }
        self.nesting += 1;
        let mark = self.environment.mark();
        scope.pending.forget_comments();
        self.contained(scope, node);
        self.environment.leave(mark);
        self.nesting -= 1;
        scope.last = None;
    }

    /// Finds the statements inside blocks, clauses and anonymous functions.
    fn contained(&mut self, scope: &mut Scope, node: Node<'_>) {
        if self.nesting >= MAX_NESTING {
            return;
        }
        let kinds = kinds();
        self.nesting += 1;
        for child in named_children(node) {
            let kind = child.kind_id();
            let is_block = kind == kinds.do_block
                || kind == kinds.else_block
                || kind == kinds.rescue_block
                || kind == kinds.after_block
                || kind == kinds.catch_block
                || kind == kinds.body;
            if is_block {
                self.block(scope, child);
            } else if kind == kinds.stab_clause
                || kind == kinds.arguments
                || kind == kinds.keywords
                || kind == kinds.pair
                || kind == kinds.anonymous_function
                || kind == kinds.call
            {
                if kind == kinds.call
                    && call_name(child, self.text).is_some_and(|name| name.starts_with("def"))
                {
                    self.statement(scope, child);
                } else {
                    self.contained(scope, child);
                }
            }
        }
        self.nesting -= 1;
    }

    fn block(&mut self, scope: &mut Scope, block: Node<'_>) {
        let kinds = kinds();
        for statement in statements(block) {
            let kind = statement.kind_id();
            let belongs = kind == kinds.comment
                || kind == kinds.unary_operator
                || is_definition(statement, self.text)
                || (kind == kinds.call && holds_definitions(statement, self.text));
            if kind == kinds.stab_clause {
                self.contained(scope, statement);
            } else if kind == kinds.else_block || kind == kinds.rescue_block {
                self.block(scope, statement);
            } else if belongs {
                self.statement(scope, statement);
            } else {
                scope.pending.forget_comments();
                self.body(scope, None, statement, [0, 0]);
            }
        }
    }
}

/// Returns true when a subtree holds definitions or tests that belong to the module around it.
pub(super) fn holds_definitions(node: Node<'_>, text: &str) -> bool {
    let mut found = false;
    walk(node, |inner| {
        let Some(name) = call_name(inner, text).filter(|_| inner.id() != node.id()) else {
            return !found;
        };
        let is_definition = FunctionKind::from_keyword(name).is_some();
        let defines = is_definition
            && argument_nodes(inner)
                .first()
                .is_some_and(|head| parse_head(*head, text).is_some());
        found |= defines
            || matches!(
                name,
                "test" | "property" | "defmodule" | "defimpl" | "defprotocol"
            );
        // What a definition holds is its own.
        !found && !is_definition
    });
    found
}
