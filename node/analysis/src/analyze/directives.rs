//! `alias`, `import`, `require`, `use`: what they add to the environment and to the module's facts.

use super::walker::{Scope, Walker};
use crate::module::{Alias, Directive};
use crate::syntax::{
    alias_text, argument_nodes, keyword_pairs, kinds, left, named_children, right, slice,
    without_do,
};
use tree_sitter::Node;

impl Walker<'_> {
    /// Takes in one directive, wherever it stands.
    pub(super) fn directive(&mut self, scope: &Scope, node: Node<'_>, name: &str) {
        let arguments = argument_nodes(node);
        let Some(first) = arguments.first().copied() else {
            return;
        };
        let renamed = arguments
            .get(1)
            .and_then(|options| self.as_option(*options));
        let line = first.start_position().row as u32 + 1;
        let options = without_do(arguments.get(1..).unwrap_or_default(), self.text).to_owned();
        for full in self.directive_targets(scope, first) {
            if name == "alias" || renamed.is_some() {
                self.add_alias(scope, full.clone(), renamed.clone(), line);
            }
            let Some(info) = scope.module.and_then(|module| self.modules.get_mut(module)) else {
                continue;
            };
            let directive = Directive {
                module: full,
                options: options.clone(),
                line,
            };
            match name {
                "import" => info.imports.push(directive),
                "require" => info.requires.push(directive),
                "use" => info.uses.push(directive),
                _ => {}
            }
        }
    }

    /// `X`, `X.Y`, `X.{A, B}`, `__MODULE__.X`.
    fn directive_targets(&self, scope: &Scope, node: Node<'_>) -> Vec<String> {
        let kinds = kinds();
        if node.kind_id() == kinds.dot
            && let (Some(prefix), Some(members)) = (left(node), right(node))
            && members.kind_id() == kinds.tuple
        {
            let Some(prefix) = self.module_of(scope, prefix) else {
                return Vec::new();
            };
            return named_children(members)
                .into_iter()
                .filter(|member| member.kind_id() == kinds.alias)
                .map(|member| format!("{prefix}.{}", alias_text(slice(member, self.text))))
                .collect();
        }
        self.module_of(scope, node).into_iter().collect()
    }

    fn as_option(&self, options: Node<'_>) -> Option<String> {
        let pairs = keyword_pairs(options, self.text);
        let (_, value) = pairs.into_iter().find(|(key, _)| *key == "as")?;
        Some(slice(value, self.text).to_owned())
    }

    fn add_alias(&mut self, scope: &Scope, full: String, renamed: Option<String>, line: u32) {
        let short = renamed.unwrap_or_else(|| full.rsplit('.').next().unwrap_or(&full).to_owned());
        let alias = Alias { short, full, line };
        if let Some(info) = scope.module.and_then(|module| self.modules.get_mut(module)) {
            info.aliases.push(alias.clone());
        }
        self.environment.add(alias);
    }

    /// After `defmodule A.B` inside `M`, `A` means `M.A`.
    pub(super) fn alias_nested(&mut self, outer: &str, node: Node<'_>) {
        let Some(name) = argument_nodes(node)
            .first()
            .copied()
            .filter(|name| name.kind_id() == kinds().alias)
        else {
            return;
        };
        let written = alias_text(slice(name, self.text));
        if outer.is_empty() || written.starts_with("Elixir.") {
            return;
        }
        let first = written.split('.').next().unwrap_or(&written);
        let line = node.start_position().row as u32 + 1;
        self.environment.add(Alias {
            short: first.to_owned(),
            full: format!("{outer}.{first}"),
            line,
        });
    }
}
