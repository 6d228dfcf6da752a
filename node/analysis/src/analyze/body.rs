//! The hot walk: calls and tokens of one statement, in one pass of a cursor over its nodes.

use super::walker::{Scope, Walker};
use crate::module::CallForm;
use crate::syntax::{Kinds, kinds, right, slice};
use tree_sitter::Node;

/// No call: the index used where a node is not one that counts arguments.
pub(super) const NONE: u32 = u32::MAX;

/// Arguments, separators and the like, as they enter the token hash.
const OPEN: u8 = 1;
const CLOSE: u8 = 2;
const SEPARATOR: u8 = 0;

/// What the walk remembers of each node it is inside of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(super) kind: u16,
    /// The call whose arguments this node's children are.
    pub(super) call: u32,
    pub(super) environment_mark: u32,
    /// How far `Mod, :fun, [args]` has been seen among the children.
    pub(super) triple: Triple,
    pub(super) mutes: bool,
    pub(super) quotes: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Triple {
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
pub(super) struct Pass<'w, 't> {
    pub(super) kinds: &'static Kinds,
    pub(super) scope: &'w Scope,
    pub(super) owner: &'w str,
    /// Nodes that look like calls and are none: the definition itself and its head.
    pub(super) silent: [usize; 2],
    /// Right sides of pipes still to come.
    pub(super) piped: Vec<usize>,
    /// The `f` of the `&f/1` just entered.
    pub(super) captured: usize,
    pub(super) muted: usize,
    pub(super) quoted: usize,
    pub(super) tokens: Vec<u8>,
    pub(super) nested: Vec<Node<'t>>,
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
