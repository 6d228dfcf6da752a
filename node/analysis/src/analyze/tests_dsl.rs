//! ExUnit's `test`, `property`, `describe`, `setup`.

use super::walker::{MAX_NESTING, Scope, Walker};
use crate::chunk::ChunkKind;
use crate::syntax::{argument_nodes, call_name, do_block, slice, statements, string_value};
use tree_sitter::Node;

impl Walker<'_> {
    /// Takes in one test; its description carries the `describe` around it.
    pub(super) fn test(&mut self, scope: &mut Scope, node: Node<'_>) {
        let Some(first) = argument_nodes(node).first().copied() else {
            return self.data(scope, node, "test");
        };
        let name =
            string_value(first, self.text).unwrap_or_else(|| slice(first, self.text).to_owned());
        let description = match &scope.describe {
            Some(outer) => format!("{outer} {name}"),
            None => name.clone(),
        };
        let start = scope.pending.take_start(node);
        scope.pending.tokens.clear();
        let chunk = self.add_chunk(scope, ChunkKind::Test { description }, &name, (0, 0));
        self.extend(scope, chunk, start, node);
        let nested = self.body(scope, Some(chunk), node, [node.id(), 0]);
        self.nested_modules(scope, nested);
    }

    /// Takes in `setup` and `setup_all`, by block or by name.
    pub(super) fn test_setup(&mut self, scope: &mut Scope, node: Node<'_>, name: &str) {
        let start = scope.pending.take_start(node);
        let label = match &scope.describe {
            Some(outer) => format!("{name} ({outer})"),
            None => name.to_owned(),
        };
        let chunk = self.add_chunk(scope, ChunkKind::TestSetup, &label, (0, 0));
        self.extend(scope, chunk, start, node);
        let nested = self.body(scope, Some(chunk), node, [node.id(), 0]);
        self.nested_modules(scope, nested);
    }

    /// Enters a `describe` block.
    pub(super) fn describe(&mut self, scope: &mut Scope, node: Node<'_>) {
        let Some(block) = do_block(node) else { return };
        if self.nesting >= MAX_NESTING {
            return;
        }
        let label = argument_nodes(node).first().map(|first| {
            string_value(*first, self.text).unwrap_or_else(|| slice(*first, self.text).to_owned())
        });
        let outer = std::mem::replace(&mut scope.describe, label);
        let mark = self.environment.mark();
        scope.pending.forget_comments();
        scope.last = None;
        self.nesting += 1;
        for statement in statements(block) {
            match call_name(statement, self.text) {
                // Code between tests belongs to the tests' set-up, not to the header far above.
                None if statement.kind() == "call" || statement.kind() == "binary_operator" => {
                    self.test_setup(scope, statement, "setup");
                }
                _ => self.statement(scope, statement),
            }
        }
        self.nesting -= 1;
        self.environment.leave(mark);
        scope.describe = outer;
        scope.last = None;
    }
}
