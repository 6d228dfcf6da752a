//! `def` and its kin: clauses gathered into groups.

use super::head::{Head, parse_head};
use super::walker::{Scope, Walker};
use crate::chunk::{ChunkKind, Doc, FunctionKind};
use crate::syntax::{argument_nodes, do_block, keyword_value, kinds, named_children};
use tree_sitter::Node;

impl Walker<'_> {
    /// Takes in one clause. A computed name makes it a data chunk: it defines something, but nobody can say what.
    pub(super) fn definition(&mut self, scope: &mut Scope, node: Node<'_>, kind: FunctionKind) {
        let Some(first) = argument_nodes(node).first().copied() else {
            return self.data(scope, node, kind.keyword());
        };
        if kind == FunctionKind::Defdelegate && first.kind_id() == kinds().list {
            for head in named_children(first) {
                if let Some(head) = parse_head(head, self.text) {
                    self.clause(scope, node, kind, head);
                }
            }
            return;
        }
        match parse_head(first, self.text) {
            Some(head) => self.clause(scope, node, kind, head),
            None => {
                scope.pending.doc = None;
                scope.pending.implements = None;
                self.data(scope, node, kind.keyword());
            }
        }
    }

    fn clause(
        &mut self,
        scope: &mut Scope,
        node: Node<'_>,
        kind: FunctionKind,
        head: Head<'_, '_>,
    ) {
        let chunk = self.group(scope, kind, &head);
        let start = scope.pending.take_start(node);
        let mut attribute_tokens = std::mem::take(&mut scope.pending.tokens);
        self.tokens[chunk].append(&mut attribute_tokens);
        let doc = scope.pending.doc.take();
        let implements = scope.pending.implements.take();
        let has_body = matches!(
            kind,
            FunctionKind::Defdelegate | FunctionKind::Defguard | FunctionKind::Defguardp
        ) || do_block(node).is_some()
            || keyword_value(node, "do", self.text).is_some();
        let group = &mut self.chunks[chunk];
        group.arity.0 = group
            .arity
            .0
            .min(head.arity - head.defaults.min(head.arity));
        group.clauses = group.clauses.saturating_add(u16::from(has_body));
        if let Some(doc) = doc
            && group.doc == Doc::Missing
        {
            group.doc = doc;
        }
        if implements.is_some() {
            group.implements = implements;
        }
        self.extend(scope, chunk, start, node);
        if kind == FunctionKind::Defdelegate {
            self.delegate(scope, chunk, node, (head.name_node, head.arity));
        }
        let nested = self.body(scope, Some(chunk), node, [node.id(), head.call.id()]);
        self.nested_modules(scope, nested);
    }

    fn group(&mut self, scope: &mut Scope, kind: FunctionKind, head: &Head<'_, '_>) -> usize {
        let key = (kind, head.name.to_owned(), head.arity);
        if let Some(chunk) = scope.groups.get(&key) {
            return *chunk;
        }
        let chunk = self.add_chunk(
            scope,
            ChunkKind::Function { function: kind },
            head.name,
            (head.arity, head.arity),
        );
        scope.groups.insert(key, chunk);
        chunk
    }
}
