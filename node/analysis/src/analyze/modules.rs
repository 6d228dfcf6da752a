//! `defmodule`, `defprotocol`, `defimpl`: names, forms and what ends with them.

use super::walker::{MAX_NESTING, Scope, Walker};
use crate::chunk::{ChunkKind, Doc};
use crate::module::{ModuleForm, ModuleInfo};
use crate::syntax::{
    argument_nodes, do_block, keyword_value, kinds, named_children, slice, span, statements,
};
use tree_sitter::Node;

impl Walker<'_> {
    /// Reads a whole file.
    pub(crate) fn source(&mut self, root: Node<'_>) {
        let mut scope = Scope::default();
        for statement in statements(root) {
            self.statement(&mut scope, statement);
        }
        self.close(&mut scope);
    }

    /// Reads one module and, inside it, everything else.
    pub(super) fn module(&mut self, outer: &Scope, node: Node<'_>, keyword: &str) {
        if self.nesting >= MAX_NESTING {
            return;
        }
        let Some((names, form)) = self.module_names(outer, node, keyword) else {
            return;
        };
        let mark = self.environment.mark();
        let mut scope = self.open(outer, &names, form, node);
        let header_end = do_block(node).map(|block| {
            let word = block.start_byte() as u32 + 2;
            (word, block.start_position().row as u32 + 1)
        });
        if let Some(header) = scope.header {
            let own = span(node);
            let end = header_end.unwrap_or((own.end_byte, own.end_line));
            self.extend_to(&mut scope, header, (own.start_byte, own.start_line), end);
        }
        self.nesting += 1;
        if let Some(block) = do_block(node) {
            for statement in statements(block) {
                self.statement(&mut scope, statement);
            }
        } else if let Some(body) = keyword_value(node, "do", self.text) {
            self.statement(&mut scope, body);
        }
        self.nesting -= 1;
        self.close(&mut scope);
        self.environment.leave(mark);
        if keyword != "defimpl" {
            self.alias_nested(&outer.name, node);
        }
    }

    /// Begins a module by its full names; the first one gets the chunks.
    pub(crate) fn open(
        &mut self,
        outer: &Scope,
        names: &[String],
        form: ModuleForm,
        node: Node<'_>,
    ) -> Scope {
        let own = span(node);
        self.open_at(outer, names, form, own)
    }

    pub(crate) fn open_at(
        &mut self,
        outer: &Scope,
        names: &[String],
        form: ModuleForm,
        own: crate::chunk::Span,
    ) -> Scope {
        let inherited = outer.module.and_then(|module| self.modules.get(module));
        let (imports, requires) = inherited
            .map(|info| (info.imports.clone(), info.requires.clone()))
            .unwrap_or_default();
        let index = self.modules.len();
        for name in names {
            self.modules.push(ModuleInfo {
                name: name.clone(),
                form: own_form(&form, name),
                span: own,
                doc: Doc::Missing,
                uses: Vec::new(),
                aliases: self.environment.in_force().to_vec(),
                imports: imports.clone(),
                requires: requires.clone(),
                behaviours: Vec::new(),
                attributes: Vec::new(),
                struct_fields: None,
                types: Vec::new(),
                callbacks: Vec::new(),
            });
        }
        if let ModuleForm::Implementation { protocol, .. } = &form {
            for info in &mut self.modules[index..] {
                info.behaviours.push(protocol.clone());
            }
        }
        let mut scope = Scope {
            module: Some(index),
            name: names.first().cloned().unwrap_or_default(),
            ..Scope::default()
        };
        let label = scope.name.clone();
        scope.header = Some(self.add_chunk(&scope, ChunkKind::ModuleHeader, &label, (0, 0)));
        scope
    }

    /// Ends a module: specs that stood apart find their function, the header gets the module's doc.
    pub(crate) fn close(&mut self, scope: &mut Scope) {
        for (name, arity, text) in std::mem::take(&mut scope.specs) {
            let group = scope.groups.iter().find(|((_, own, _), chunk)| {
                let (least, most) = self.chunks[**chunk].arity;
                *own == name && (least..=most).contains(&arity)
            });
            if let Some((_, chunk)) = group {
                self.chunks[*chunk].specs.push(text);
            }
        }
        if let (Some(module), Some(header)) = (scope.module, scope.header) {
            self.chunks[header].doc = self.modules[module].doc.clone();
        }
    }

    fn module_names(
        &self,
        outer: &Scope,
        node: Node<'_>,
        keyword: &str,
    ) -> Option<(Vec<String>, ModuleForm)> {
        let name = argument_nodes(node).first().copied()?;
        if keyword == "defimpl" {
            let protocol = self.module_of(outer, name)?;
            let targets = self.implementation_targets(outer, node);
            let target = targets.first().cloned()?;
            let names = targets
                .iter()
                .map(|target| format!("{protocol}.{target}"))
                .collect();
            return Some((names, ModuleForm::Implementation { protocol, target }));
        }
        let full = self.full_name(outer, name)?;
        let form = if keyword == "defprotocol" {
            ModuleForm::Protocol
        } else {
            ModuleForm::Module
        };
        Some((vec![full], form))
    }

    fn full_name(&self, outer: &Scope, name: Node<'_>) -> Option<String> {
        let kinds = kinds();
        if name.kind_id() != kinds.alias {
            // An atom, `__MODULE__.X`, or computed: then the source text of the name is all there is.
            return self
                .module_of(outer, name)
                .or_else(|| Some(slice(name, self.text).to_owned()));
        }
        let written = crate::syntax::alias_text(slice(name, self.text));
        if let Some(absolute) = written.strip_prefix("Elixir.") {
            return Some(absolute.to_owned());
        }
        if outer.name.is_empty() {
            Some(self.environment.resolve(&written))
        } else {
            Some(format!("{}.{written}", outer.name))
        }
    }

    fn implementation_targets(&self, outer: &Scope, node: Node<'_>) -> Vec<String> {
        let Some(value) = keyword_value(node, "for", self.text) else {
            return if outer.name.is_empty() {
                Vec::new()
            } else {
                vec![outer.name.clone()]
            };
        };
        let nodes = if value.kind_id() == kinds().list {
            named_children(value)
        } else {
            vec![value]
        };
        nodes
            .into_iter()
            .map(|target| {
                self.module_of(outer, target)
                    .unwrap_or_else(|| slice(target, self.text).to_owned())
            })
            .collect()
    }
}

/// `defimpl P, for: [A, B]` makes two modules of one text; each names its own target.
fn own_form(form: &ModuleForm, name: &str) -> ModuleForm {
    match form {
        ModuleForm::Implementation { protocol, target } => {
            let own = name
                .strip_prefix(protocol.as_str())
                .and_then(|rest| rest.strip_prefix('.'));
            ModuleForm::Implementation {
                protocol: protocol.clone(),
                target: own.unwrap_or(target).to_owned(),
            }
        }
        other => other.clone(),
    }
}
