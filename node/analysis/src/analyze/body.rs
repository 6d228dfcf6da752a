//! The hot walk: calls and tokens of one statement, in one pass of a cursor over its nodes.

use super::walker::{Scope, Walker};
use crate::module::{Call, CallForm};
use crate::syntax::{Kinds, argument_nodes, call_name, kinds, left, operand, right, slice, target};
use tree_sitter::Node;

/// No call: the index used where a node is not one that counts arguments.
const NONE: u32 = u32::MAX;

/// `__MODULE__.A.B` is followed over this many dots.
const MAX_DOTS: u8 = 16;

/// Arguments, separators and the like, as they enter the token hash.
const OPEN: u8 = 1;
const CLOSE: u8 = 2;
const SEPARATOR: u8 = 0;

/// What the walk remembers of each node it is inside of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    kind: u16,
    /// The call whose arguments this node's children are.
    call: u32,
    environment_mark: u32,
    /// How far `Mod, :fun, [args]` has been seen among the children.
    triple: Triple,
    mutes: bool,
    quotes: bool,
}

#[derive(Debug, Clone, Copy)]
enum Triple {
    Nothing,
    Module {
        start: u32,
        end: u32,
    },
    Function {
        module: (u32, u32),
        atom: (u32, u32),
        line: u32,
    },
}

/// What one body walk needs besides the walker.
struct Pass<'w, 't> {
    kinds: &'static Kinds,
    scope: &'w Scope,
    owner: &'w str,
    /// Nodes that look like calls and are none: the definition itself and its head.
    silent: [usize; 2],
    /// Right sides of pipes still to come.
    piped: Vec<usize>,
    /// The `f` of the `&f/1` just entered.
    captured: usize,
    muted: usize,
    quoted: usize,
    tokens: Vec<u8>,
    nested: Vec<Node<'t>>,
}

impl Walker<'_> {
    /// Gathers the calls under a node into the file's list and its tokens into the chunk. Returns modules defined inside.
    pub(super) fn body<'t>(
        &mut self,
        scope: &Scope,
        owner: Option<usize>,
        node: Node<'t>,
        silent: [usize; 2],
    ) -> Vec<Node<'t>> {
        let owner_id = owner
            .map(|chunk| self.chunks[chunk].id.clone())
            .unwrap_or_default();
        let tokens = owner
            .or(scope.header)
            .map(|chunk| std::mem::take(&mut self.tokens[chunk]))
            .unwrap_or_default();
        let mut pass = Pass {
            kinds: kinds(),
            scope,
            owner: &owner_id,
            silent,
            piped: Vec::new(),
            captured: 0,
            muted: 0,
            quoted: 0,
            tokens,
            nested: Vec::new(),
        };
        let mark = self.environment.mark();
        self.run(&mut pass, node);
        self.environment.leave(mark);
        let Pass { tokens, nested, .. } = pass;
        if let Some(chunk) = owner.or(scope.header) {
            self.tokens[chunk] = tokens;
        }
        nested
    }

    fn run<'t>(&mut self, pass: &mut Pass<'_, 't>, root: Node<'t>) {
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        let mut cursor = root.walk();
        'walk: loop {
            let node = cursor.node();
            let frame = self.enter(pass, node, &mut frames);
            if cursor.goto_first_child() {
                frames.push(frame);
                continue;
            }
            pass.leaf(node, frame.kind, frames.last(), self.text);
            self.step_out(pass, &frame);
            loop {
                if frames.is_empty() {
                    break 'walk;
                }
                if cursor.goto_next_sibling() {
                    break;
                }
                if !cursor.goto_parent() {
                    break 'walk;
                }
                if let Some(frame) = frames.pop() {
                    self.step_out(pass, &frame);
                }
            }
        }
        self.frames = frames;
    }

    fn enter<'t>(
        &mut self,
        pass: &mut Pass<'_, 't>,
        node: Node<'t>,
        frames: &mut [Frame],
    ) -> Frame {
        let kinds = pass.kinds;
        let kind = node.kind_id();
        let mut frame = Frame {
            kind,
            call: NONE,
            environment_mark: NONE,
            triple: Triple::Nothing,
            mutes: false,
            quotes: false,
        };
        if kind == kinds.comment {
            return frame;
        }
        let piped = pass.piped.last().is_some_and(|id| *id == node.id());
        if piped {
            pass.piped.pop();
        }
        if let Some(parent) = frames.last_mut() {
            self.count_argument(parent, node, kind, kinds);
            if kind == kinds.arguments && parent.kind == kinds.call {
                frame.call = parent.call;
            }
            if kind == kinds.list {
                frame.call = self.triple_list(pass, parent);
            }
            step_triple(parent, node, kind, kinds, self.text);
        }
        if kind == kinds.call {
            self.enter_call(pass, node, piped, &mut frame);
        } else if kind == kinds.identifier && piped {
            frame.call = self.emit(pass, None, node, 1, CallForm::Piped);
        } else if kind == kinds.binary_operator {
            if node
                .child_by_field_id(kinds.field_operator)
                .is_some_and(|op| op.kind_id() == kinds.pipe)
                && let Some(right) = right(node)
            {
                pass.piped.push(right.id());
            }
        } else if kind == kinds.unary_operator {
            self.enter_unary(pass, node);
        } else if kind == kinds.arguments {
            pass.tokens.push(OPEN);
        } else if kind == kinds.do_block || kind == kinds.stab_clause {
            frame.environment_mark = self.environment.mark() as u32;
        }
        frame
    }

    fn step_out(&mut self, pass: &mut Pass<'_, '_>, frame: &Frame) {
        if frame.kind == pass.kinds.arguments {
            pass.tokens.push(CLOSE);
        }
        if frame.environment_mark != NONE {
            self.environment.leave(frame.environment_mark as usize);
        }
        pass.muted -= usize::from(frame.mutes);
        pass.quoted -= usize::from(frame.quotes);
    }

    fn count_argument(&mut self, parent: &Frame, node: Node<'_>, kind: u16, kinds: &Kinds) {
        if parent.call == NONE {
            return;
        }
        let counts = if parent.kind == kinds.call {
            kind == kinds.do_block
        } else {
            node.is_named()
        };
        if counts && let Some(call) = self.calls.get_mut(parent.call as usize) {
            call.arity = call.arity.saturating_add(1);
        }
    }

    fn enter_call<'t>(
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

    fn enter_unary<'t>(&mut self, pass: &mut Pass<'_, 't>, node: Node<'t>) {
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
    fn triple_list(&mut self, pass: &Pass<'_, '_>, parent: &Frame) -> u32 {
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

    fn emit(
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
        let to = crate::syntax::keyword_value(node, "to", self.text)
            .and_then(|to| self.module_of(scope, to));
        let Some(module) = to else { return };
        let renamed = crate::syntax::keyword_value(node, "as", self.text);
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

impl Pass<'_, '_> {
    fn leaf(&mut self, node: Node<'_>, kind: u16, parent: Option<&Frame>, text: &str) {
        let kinds = self.kinds;
        if kind == kinds.comment || kind == kinds.comma || kind == kinds.semicolon {
            return;
        }
        let in_arguments = parent.is_some_and(|parent| parent.kind == kinds.arguments);
        if in_arguments && (kind == kinds.open || kind == kinds.close) {
            return;
        }
        let token = text.as_bytes().get(node.byte_range()).unwrap_or_default();
        if kind == kinds.integer {
            self.tokens
                .extend(token.iter().filter(|byte| **byte != b'_'));
        } else if kind == kinds.keyword {
            self.tokens.extend_from_slice(token.trim_ascii_end());
        } else {
            self.tokens.extend_from_slice(token);
        }
        self.tokens.push(SEPARATOR);
    }
}

fn step_triple(parent: &mut Frame, node: Node<'_>, kind: u16, kinds: &Kinds, text: &str) {
    if (parent.kind != kinds.tuple && parent.kind != kinds.arguments) || !node.is_named() {
        return;
    }
    let range = (node.start_byte() as u32, node.end_byte() as u32);
    parent.triple = match parent.triple {
        Triple::Module { start, end } if kind == kinds.atom => Triple::Function {
            module: (start, end),
            atom: range,
            line: node.start_position().row as u32 + 1,
        },
        _ if kind == kinds.alias
            || (kind == kinds.identifier && slice(node, text) == "__MODULE__") =>
        {
            Triple::Module {
                start: range.0,
                end: range.1,
            }
        }
        _ => Triple::Nothing,
    };
}

fn small_len(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Names that look like local calls and are the language itself.
pub(crate) fn is_syntax(name: &str) -> bool {
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

/// Returns true when a subtree holds definitions or tests that belong to the module around it.
pub(super) fn holds_definitions(node: Node<'_>, text: &str) -> bool {
    let kinds = kinds();
    let mut cursor = node.walk();
    loop {
        let inner = cursor.node();
        let mut descend = true;
        if inner.kind_id() == kinds.call
            && inner.id() != node.id()
            && let Some(name) = call_name(inner, text)
        {
            let defines = crate::chunk::FunctionKind::from_keyword(name).is_some()
                && argument_nodes(inner)
                    .first()
                    .is_some_and(|head| super::head::parse_head(*head, text).is_some());
            if defines
                || matches!(
                    name,
                    "test" | "property" | "defmodule" | "defimpl" | "defprotocol"
                )
            {
                return true;
            }
            descend = crate::chunk::FunctionKind::from_keyword(name).is_none();
        }
        if descend && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
        }
    }
}
