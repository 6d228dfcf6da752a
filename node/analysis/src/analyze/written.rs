//! Doors for the line scanner: modules and definitions known only by the text of their first line.

use super::walker::{Scope, Walker};
use crate::chunk::{ChunkKind, Span};
use crate::fallback::{Scanned, What};
use crate::module::{Alias, ModuleForm};

impl Walker<'_> {
    pub(crate) fn resolve(&self, written: &str) -> String {
        self.environment.resolve(written)
    }

    pub(crate) fn mark(&self) -> usize {
        self.environment.mark()
    }

    pub(crate) fn leave(&mut self, mark: usize) {
        self.environment.leave(mark);
    }

    /// Returns the full names a written module head stands for.
    pub(crate) fn written_names(
        &self,
        outer: &Scope,
        keyword: &str,
        name: &str,
        targets: &[String],
    ) -> Vec<String> {
        if name.is_empty() {
            return Vec::new();
        }
        if keyword == "defimpl" {
            let protocol = self.resolve(name);
            if targets.is_empty() && !outer.name.is_empty() {
                return vec![format!("{protocol}.{}", outer.name)];
            }
            return targets
                .iter()
                .map(|target| match target.as_str() {
                    "__MODULE__" => format!("{protocol}.{}", outer.name),
                    target => format!("{protocol}.{}", self.resolve(target)),
                })
                .collect();
        }
        if let Some(rest) = name.strip_prefix("__MODULE__.") {
            return vec![format!("{}.{rest}", outer.name)];
        }
        if let Some(absolute) = name.strip_prefix("Elixir.") {
            return vec![absolute.to_owned()];
        }
        if outer.name.is_empty() || name.starts_with(':') {
            vec![self.resolve(name)]
        } else {
            vec![format!("{}.{name}", outer.name)]
        }
    }

    /// Begins a module and returns its scope and its index.
    pub(crate) fn open_written(
        &mut self,
        outer: &Scope,
        names: &[String],
        form: ModuleForm,
        head: Span,
    ) -> (Scope, usize) {
        let module = self.modules.len();
        let mut scope = self.open_at(outer, names, form, head);
        if let Some(header) = scope.header {
            let (start, end) = (
                (head.start_byte, head.start_line),
                (head.end_byte, head.end_line),
            );
            self.extend_to(&mut scope, header, start, end);
        }
        (scope, module)
    }

    /// Ends a module begun by [`Self::open_written`]; the module around it may now use its short name.
    pub(crate) fn end_written(&mut self, outer: &mut Scope, module: usize, end: (u32, u32)) {
        outer.last = None;
        let start = self.modules[module].span.start_byte;
        for info in self.modules[module..]
            .iter_mut()
            .filter(|info| info.span.start_byte == start)
        {
            info.span.end_byte = info.span.end_byte.max(end.0);
            info.span.end_line = info.span.end_line.max(end.1);
        }
        let info = &self.modules[module];
        if outer.name.is_empty() || matches!(info.form, ModuleForm::Implementation { .. }) {
            return;
        }
        let inner = info
            .name
            .strip_prefix(&outer.name)
            .and_then(|rest| rest.strip_prefix('.'));
        if let Some(first) = inner.and_then(|inner| inner.split('.').next()) {
            let full = format!("{}.{first}", outer.name);
            let line = info.span.start_line;
            self.environment.add(Alias {
                short: first.to_owned(),
                full,
                line,
            });
        }
    }

    /// Adds a definition that was read by its first line.
    pub(crate) fn scanned(&mut self, scope: &mut Scope, found: &Scanned, span: Span) {
        if scope.module.is_none() {
            return;
        }
        let chunk = match found.what {
            What::Test => {
                let description = match &scope.describe {
                    Some(outer) => format!("{outer} {}", found.name),
                    None => found.name.clone(),
                };
                self.add_chunk(scope, ChunkKind::Test { description }, &found.name, (0, 0))
            }
            What::Function(kind) => {
                let key = (kind, found.name.clone(), found.arity);
                match scope.groups.get(&key) {
                    Some(chunk) => *chunk,
                    None => {
                        let arity = (found.arity, found.arity);
                        let chunk = self.add_chunk(
                            scope,
                            ChunkKind::Function { function: kind },
                            &found.name,
                            arity,
                        );
                        scope.groups.insert(key, chunk);
                        chunk
                    }
                }
            }
        };
        let parser = self.parser;
        let pending = std::mem::take(&mut scope.pending);
        let group = &mut self.chunks[chunk];
        group.parser = parser;
        group.arity.0 = group
            .arity
            .0
            .min(found.arity - found.defaults.min(found.arity));
        group.clauses = group.clauses.saturating_add(1);
        if let Some(doc) = pending.doc {
            group.doc = doc;
        }
        if pending.implements.is_some() {
            group.implements = pending.implements;
        }
        let (start, end) = (
            (span.start_byte, span.start_line),
            (span.end_byte, span.end_line),
        );
        let start = pending
            .start
            .filter(|_| pending.end_line + 1 >= span.start_line)
            .unwrap_or(start);
        let text = self
            .text
            .get(span.start_byte as usize..span.end_byte as usize)
            .unwrap_or_default();
        for word in text.split_ascii_whitespace() {
            self.tokens[chunk].extend_from_slice(word.as_bytes());
            self.tokens[chunk].push(0);
        }
        self.extend_to(scope, chunk, start, end);
    }
}

impl Scope {
    /// Sets the label of the `describe` block being read.
    pub(crate) fn set_describe(&mut self, label: Option<String>) {
        self.describe = label;
        self.last = None;
    }
}
