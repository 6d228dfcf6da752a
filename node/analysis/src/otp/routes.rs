//! Routes of Phoenix and Plug routers, with the prefixes of the scopes around them.

use super::{ModuleFacts, full_name, quote};
use crate::chunk::ChunkKind;
use crate::module::{FileAnalysis, ModuleInfo};
use crate::syntax::{
    SyntaxTree, alias_text, argument_nodes, call_name, do_block, keyword_value, kinds, line,
    named_children, slice, statements, string_value,
};
use serde::{Deserialize, Serialize};
use tree_sitter::Node;

/// Scopes nested deeper are not entered.
const MAX_SCOPES: u8 = 16;

/// One route as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `get`, `post`, `resources`, `live`, `forward`, …
    pub verb: String,
    pub path: String,
    /// Full name of the controller, live view or plug; absent for an inline block.
    pub handler: Option<String>,
    /// `:index`, or the options of `resources`.
    pub action: Option<String>,
    pub line: u32,
}

/// Prefixes of the scopes around.
#[derive(Clone, Default)]
struct Prefix {
    path: String,
    alias: String,
}

pub(super) fn gather(
    file: &FileAnalysis,
    module: &ModuleInfo,
    tree: &SyntaxTree,
    facts: &mut ModuleFacts,
) {
    let routes = module.uses.iter().any(|used| {
        used.module == "Plug.Router"
            || used.module == "Phoenix.Router"
            || used.options.starts_with(":router")
    });
    if !routes {
        return;
    }
    let reader = Reader {
        module,
        text: tree.text(),
    };
    for chunk in file
        .chunks
        .iter()
        .filter(|chunk| chunk.module == module.name)
    {
        if !matches!(chunk.kind, ChunkKind::Data { .. }) {
            continue;
        }
        for span in &chunk.spans {
            reader.range(
                tree.root(),
                span.start_byte as usize..span.end_byte as usize,
                &mut facts.routes,
            );
        }
    }
}

struct Reader<'a> {
    module: &'a ModuleInfo,
    text: &'a str,
}

impl Reader<'_> {
    /// Reads the statements of the module that lie in a range.
    fn range(&self, root: Node<'_>, range: std::ops::Range<usize>, routes: &mut Vec<Route>) {
        let mut inside = Vec::new();
        crate::syntax::walk(root, |node| {
            let within = range.start <= node.start_byte() && node.end_byte() <= range.end;
            if within && node.kind_id() == kinds().call {
                inside.push(node);
                return false;
            }
            node.start_byte() < range.end && range.start < node.end_byte()
        });
        for node in inside {
            self.statement(node, &Prefix::default(), MAX_SCOPES, routes);
        }
    }

    fn statement(&self, node: Node<'_>, prefix: &Prefix, depth: u8, routes: &mut Vec<Route>) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        let Some(name) = call_name(node, self.text) else {
            return;
        };
        let arguments = argument_nodes(node);
        match name {
            "scope" | "live_session" | "pipeline" | "resources" if do_block(node).is_some() => {
                let inner = match name {
                    "scope" => self.scope(&arguments, node, prefix),
                    _ => prefix.clone(),
                };
                if name == "resources" {
                    routes.extend(self.route(name, &arguments, node, prefix));
                }
                for statement in do_block(node).map(statements).unwrap_or_default() {
                    self.statement(statement, &inner, depth, routes);
                }
            }
            "get" | "post" | "put" | "patch" | "delete" | "head" | "options" | "match" | "live"
            | "forward" | "resources" | "connect" | "trace" => {
                routes.extend(self.route(name, &arguments, node, prefix));
            }
            _ => {}
        }
    }

    fn scope(&self, arguments: &[Node<'_>], node: Node<'_>, outer: &Prefix) -> Prefix {
        let mut inner = outer.clone();
        for argument in arguments {
            if let Some(path) = string_value(*argument, self.text) {
                inner.path = join(&outer.path, &path);
            } else if argument.kind_id() == kinds().alias {
                inner.alias = self.prefixed(outer, &alias_text(slice(*argument, self.text)));
            }
        }
        if let Some(alias) =
            keyword_value(node, "alias", self.text).filter(|alias| alias.kind_id() == kinds().alias)
        {
            inner.alias = self.prefixed(outer, &alias_text(slice(alias, self.text)));
        }
        if let Some(path) =
            keyword_value(node, "path", self.text).and_then(|path| string_value(path, self.text))
        {
            inner.path = join(&outer.path, &path);
        }
        inner
    }

    /// Inside a scope with an alias every name is below it; elsewhere the module's own aliases count.
    fn prefixed(&self, prefix: &Prefix, written: &str) -> String {
        if prefix.alias.is_empty() {
            full_name(self.module, written)
        } else {
            format!("{}.{written}", prefix.alias)
        }
    }

    fn route(
        &self,
        verb: &str,
        arguments: &[Node<'_>],
        node: Node<'_>,
        prefix: &Prefix,
    ) -> Option<Route> {
        let (path, rest) = arguments.split_first()?;
        let path = string_value(*path, self.text).unwrap_or_else(|| quote(slice(*path, self.text)));
        let to = keyword_value(node, "to", self.text);
        let handler = rest
            .first()
            .copied()
            .filter(|handler| handler.kind_id() == kinds().alias)
            .or(to);
        let action = rest.get(1).map(|action| quote(slice(*action, self.text)));
        Some(Route {
            verb: verb.to_owned(),
            path: join(&prefix.path, &path),
            handler: handler
                .map(|handler| self.prefixed(prefix, &alias_text(slice(handler, self.text)))),
            action: action.filter(|_| handler.is_some()),
            line: line(node),
        })
    }
}

fn join(outer: &str, inner: &str) -> String {
    let inner = inner.trim_start_matches('/');
    let outer = outer.trim_end_matches('/');
    if inner.is_empty() && !outer.is_empty() {
        outer.to_owned()
    } else {
        format!("{outer}/{inner}")
    }
}

/// Returns the named children of a block, for readers of other DSLs.
pub(super) fn block_calls<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    do_block(node).map(named_children).unwrap_or_default()
}
