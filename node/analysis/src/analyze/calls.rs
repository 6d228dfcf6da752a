//! Calls as the hot walk meets them: local, remote, captured, delegated, by module, function and arguments.

use super::body::{Frame, NONE, Pass, Triple};
use super::walker::{Scope, Walker};
use crate::module::{Call, CallForm};
use crate::syntax::{argument_nodes, keyword_value, kinds, left, operand, right, slice, target};
use tree_sitter::Node;

/// `__MODULE__.A.B` is followed over this many dots.
const MAX_DOTS: u8 = 16;

impl Walker<'_> {
    pub(super) fn enter_call<'t>(
        &mut self,
        pass: &mut Pass<'_, 't>,
        node: Node<'t>,
        piped: bool,
        frame: &mut Frame,
    ) {
        let Some(target) = target(node) else { return };
        let kinds = pass.kinds;
        if pass.silent.contains(&node.id()) || node.id() == pass.captured {
            return;
        }
        let form = if piped {
            CallForm::Piped
        } else {
            CallForm::Plain
        };
        let arity = u8::from(piped);
        if target.kind_id() == kinds.identifier {
            let name = slice(target, self.text);
            match name {
                "alias" | "import" | "require" | "use" => self.inner_directive(pass, node, name),
                "defmodule" | "defprotocol" | "defimpl" => {
                    if pass.quoted == 0 {
                        pass.nested.push(node);
                        self.alias_nested(&pass.scope.name, node);
                    }
                    frame.mutes = true;
                    pass.muted += 1;
                }
                "quote" => {
                    frame.quotes = true;
                    pass.quoted += 1;
                }
                _ if is_syntax(name) => {}
                _ => {
                    if matches!(name, "raise" | "reraise") {
                        self.raised(pass, node);
                    }
                    frame.call = self.emit(pass, None, target, arity, form);
                }
            }
        } else if target.kind_id() == kinds.dot {
            frame.call = self.remote(pass, target, arity, form);
        }
    }

    fn inner_directive<'t>(&mut self, pass: &mut Pass<'_, 't>, node: Node<'t>, name: &str) {
        if pass.muted == 0 && pass.quoted == 0 {
            self.directive(pass.scope, node, name);
        }
    }

    /// `raise Mod, …` calls `Mod.exception/1`; the name is not written, so its range is empty.
    fn raised(&mut self, pass: &Pass<'_, '_>, node: Node<'_>) {
        if let Some(first) = argument_nodes(node).first()
            && let Some(module) = self.module_of(pass.scope, *first)
        {
            let start = first.start_byte() as u32;
            let line = first.start_position().row as u32 + 1;
            self.push_call(
                pass,
                Some(module),
                "exception",
                (start, start),
                line,
                1,
                CallForm::Plain,
            );
        }
    }

    fn remote(&mut self, pass: &Pass<'_, '_>, dot: Node<'_>, arity: u8, form: CallForm) -> u32 {
        let (Some(left), Some(name)) = (left(dot), right(dot)) else {
            return NONE;
        };
        match self.module_of(pass.scope, left) {
            Some(module) => self.emit(pass, Some(module), name, arity, form),
            None => NONE,
        }
    }

    /// Returns the full name of a node that names a module: alias, `__MODULE__`, `:erlang`, an attribute that holds one.
    pub(super) fn module_of(&self, scope: &Scope, node: Node<'_>) -> Option<String> {
        self.module_within(scope, node, MAX_DOTS)
    }

    fn module_within(&self, scope: &Scope, node: Node<'_>, depth: u8) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let kinds = kinds();
        let kind = node.kind_id();
        let text = slice(node, self.text);
        if kind == kinds.alias {
            return Some(self.environment.resolve(text));
        }
        if kind == kinds.atom {
            return Some(text.strip_prefix(":Elixir.").unwrap_or(text).to_owned());
        }
        if kind == kinds.identifier {
            return (text == "__MODULE__" && !scope.name.is_empty()).then(|| scope.name.clone());
        }
        if kind == kinds.dot {
            let outer = self.module_within(scope, left(node)?, depth)?;
            let inner = right(node).filter(|right| right.kind_id() == kinds.alias)?;
            return Some(format!("{outer}.{}", slice(inner, self.text)));
        }
        if kind == kinds.unary_operator {
            let name = text.strip_prefix('@')?;
            return scope
                .module_attributes
                .iter()
                .rev()
                .find(|(held, _)| held == name)
                .map(|(_, full)| full.clone());
        }
        None
    }

    pub(super) fn enter_unary<'t>(&mut self, pass: &mut Pass<'_, 't>, node: Node<'t>) {
        let kinds = pass.kinds;
        let is_capture = node
            .child_by_field_id(kinds.field_operator)
            .is_some_and(|op| op.kind_id() == kinds.ampersand);
        if !is_capture {
            return;
        }
        let Some(division) =
            operand(node).filter(|operand| operand.kind_id() == kinds.binary_operator)
        else {
            return;
        };
        let (Some(function), Some(arity)) = (left(division), right(division)) else {
            return;
        };
        let Ok(arity) = slice(arity, self.text).parse::<u8>() else {
            return;
        };
        if function.kind_id() == kinds.identifier {
            self.emit(pass, None, function, arity, CallForm::Capture);
        } else if function.kind_id() == kinds.call
            && let Some(dot) = target(function).filter(|target| target.kind_id() == kinds.dot)
        {
            self.remote(pass, dot, arity, CallForm::Capture);
            pass.captured = function.id();
        }
    }

    /// The list that completes `Mod, :fun, [args]`: its elements are the arguments.
    pub(super) fn triple_list(&mut self, pass: &Pass<'_, '_>, parent: &Frame) -> u32 {
        let Triple::Function { module, atom, line } = parent.triple else {
            return NONE;
        };
        let text = self.text;
        let (Some(module), Some(name)) = (
            text.get(module.0 as usize..module.1 as usize),
            text.get(atom.0 as usize + 1..atom.1 as usize),
        ) else {
            return NONE;
        };
        let full = if module == "__MODULE__" {
            pass.scope.name.clone()
        } else {
            self.environment.resolve(module)
        };
        self.push_call(
            pass,
            Some(full),
            name,
            (atom.0 + 1, atom.1),
            line,
            0,
            CallForm::ModuleFunctionArgs,
        )
    }

    pub(super) fn emit(
        &mut self,
        pass: &Pass<'_, '_>,
        module: Option<String>,
        name: Node<'_>,
        arity: u8,
        form: CallForm,
    ) -> u32 {
        let text = slice(name, self.text);
        let quoted = usize::from(text.starts_with(['"', '\'']) && text.len() > 1);
        let range = (
            name.start_byte() as u32 + quoted as u32,
            name.end_byte() as u32 - quoted as u32,
        );
        let line = name.start_position().row as u32 + 1;
        let function = text.get(quoted..text.len() - quoted).unwrap_or_default();
        self.push_call(pass, module, function, range, line, arity, form)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call has that many facts, and this is where they meet"
    )]
    fn push_call(
        &mut self,
        pass: &Pass<'_, '_>,
        module: Option<String>,
        function: &str,
        name: (u32, u32),
        line: u32,
        arity: u8,
        form: CallForm,
    ) -> u32 {
        if pass.muted > 0 || function.is_empty() {
            return NONE;
        }
        self.calls.push(Call {
            from_chunk: pass.owner.to_owned(),
            from_module: pass.scope.name.clone(),
            module,
            function: function.to_owned(),
            arity,
            name_start_byte: name.0,
            name_end_byte: name.1,
            line,
            form,
        });
        self.calls.len() as u32 - 1
    }

    /// Adds the calls a `defdelegate` head stands for.
    pub(super) fn delegate(
        &mut self,
        scope: &Scope,
        owner: usize,
        node: Node<'_>,
        name: (Node<'_>, u8),
    ) {
        let to = keyword_value(node, "to", self.text).and_then(|to| self.module_of(scope, to));
        let Some(module) = to else { return };
        let renamed = keyword_value(node, "as", self.text);
        let (function, start) = match renamed {
            Some(atom) => (
                slice(atom, self.text).trim_start_matches(':'),
                atom.start_byte() as u32 + 1,
            ),
            None => (slice(name.0, self.text), name.0.start_byte() as u32),
        };
        self.calls.push(Call {
            from_chunk: self.chunks[owner].id.clone(),
            from_module: scope.name.clone(),
            module: Some(module),
            function: function.to_owned(),
            arity: name.1,
            name_start_byte: start,
            name_end_byte: start + small_len(function),
            line: name.0.start_position().row as u32 + 1,
            form: CallForm::Delegate,
        });
    }
}

fn small_len(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Names that look like local calls and are the language itself.
fn is_syntax(name: &str) -> bool {
    matches!(
        name,
        "case"
            | "cond"
            | "if"
            | "unless"
            | "with"
            | "for"
            | "receive"
            | "try"
            | "unquote"
            | "unquote_splicing"
            | "super"
            | "def"
            | "defp"
            | "defmacro"
            | "defmacrop"
            | "defguard"
            | "defguardp"
            | "defdelegate"
            | "defstruct"
            | "defexception"
            | "defoverridable"
            | "fn"
            | "__block__"
            | "__aliases__"
    )
}
