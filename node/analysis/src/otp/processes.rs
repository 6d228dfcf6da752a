//! Processes: messages understood and sent, names, state, tables.

use super::{ModuleFacts, quote};
use crate::analyze::Located;
use crate::syntax::{
    argument_nodes, call_name, do_block, keyword_pairs, keyword_value, kinds, line, named_children,
    operator, remote_name, right, slice, walk,
};
use serde::{Deserialize, Serialize};
use tree_sitter::Node;

/// Which callback takes the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    Call,
    Cast,
    Info,
    Continue,
    /// `handle_event`: LiveView, `gen_event`, `gen_statem`.
    Event,
}

/// One clause of a `handle_*` callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub kind: MessageKind,
    /// The pattern of the message, as written.
    pub pattern: String,
    pub guard: Option<String>,
    /// A bare variable without guard: takes everything.
    pub catch_all: bool,
    pub line: u32,
}

/// A message sent by the module's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// `GenServer.call`, `send`, …
    pub how: String,
    pub to: String,
    pub message: String,
    /// `name/arity` of the sending function.
    pub from: String,
    pub line: u32,
}

/// `name:` given to a start function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub name: String,
    pub line: u32,
}

/// `:ets.new(name, options)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub name: String,
    pub options: String,
    pub line: u32,
}

pub(super) fn gather(own: &[Located<'_>], text: &str, facts: &mut ModuleFacts) {
    for located in own {
        if let Some(kind) = message_kind(&located.chunk.name, located.head.arity) {
            facts.messages.extend(message(located, kind, text));
        }
        if located.chunk.name == "init" && facts.initial_state.is_none() {
            facts.initial_state = initial_state(located.node, text);
        }
        let from = format!("{}/{}", located.chunk.name, located.head.arity);
        walk(located.node, |node| {
            if node.kind_id() == kinds().call {
                effect(node, text, &from, facts);
            }
            true
        });
    }
}

fn message_kind(name: &str, arity: u8) -> Option<MessageKind> {
    Some(match (name, arity) {
        ("handle_call", 3) => MessageKind::Call,
        ("handle_cast", 2) => MessageKind::Cast,
        ("handle_info", 2) => MessageKind::Info,
        ("handle_continue", 2) => MessageKind::Continue,
        ("handle_event", 2..=4) => MessageKind::Event,
        _ => return None,
    })
}

fn message(located: &Located<'_>, kind: MessageKind, text: &str) -> Option<Message> {
    let pattern = argument_nodes(located.head.call).first().copied()?;
    let written = argument_nodes(located.node).first().copied()?;
    let guard = (operator(written, text) == "when")
        .then(|| right(written))
        .flatten();
    Some(Message {
        kind,
        pattern: quote(slice(pattern, text)),
        guard: guard.map(|guard| quote(slice(guard, text))),
        catch_all: pattern.kind_id() == kinds().identifier && guard.is_none(),
        line: line(located.node),
    })
}

/// The state of `{:ok, state}` in the last expression of `init`.
fn initial_state(node: Node<'_>, text: &str) -> Option<(String, u32)> {
    let last = match do_block(node) {
        Some(block) => named_children(block).into_iter().next_back()?,
        None => keyword_value(node, "do", text)?,
    };
    if last.kind_id() != kinds().tuple {
        return None;
    }
    match named_children(last).as_slice() {
        [ok, state, ..] if slice(*ok, text) == ":ok" => {
            Some((quote(slice(*state, text)), line(*state)))
        }
        _ => None,
    }
}

fn effect(node: Node<'_>, text: &str, from: &str, facts: &mut ModuleFacts) {
    let arguments = argument_nodes(node);
    let mut send = |how: &str, to: Node<'_>, message: Node<'_>| {
        facts.sent.push(Sent {
            how: how.to_owned(),
            to: quote(slice(to, text)),
            message: quote(slice(message, text)),
            from: from.to_owned(),
            line: line(node),
        });
    };
    match (
        remote_name(node, text),
        call_name(node, text),
        arguments.as_slice(),
    ) {
        (Some(("GenServer", function @ ("call" | "cast"))), _, [to, message, ..]) => {
            send(&format!("GenServer.{function}"), *to, *message);
        }
        (Some(("Process", function @ ("send" | "send_after"))), _, [to, message, ..]) => {
            send(&format!("Process.{function}"), *to, *message);
        }
        (None, Some("send"), [to, message]) => send("send", *to, *message),
        (Some((":ets", "new")), _, [name, rest @ ..]) => facts.tables.push(Table {
            name: quote(slice(*name, text)),
            options: rest
                .first()
                .map(|options| quote(slice(*options, text)))
                .unwrap_or_default(),
            line: line(node),
        }),
        (Some((_, "start_link" | "start")), _, [.., options]) => {
            let name = keyword_pairs(*options, text)
                .into_iter()
                .find(|(key, _)| *key == "name");
            if let Some((_, name)) = name {
                facts.registrations.push(Registration {
                    name: quote(slice(name, text)),
                    line: line(node),
                });
            }
        }
        _ => {}
    }
}
