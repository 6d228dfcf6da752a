//! What a body evidently gives back and raises.

use super::{MAX_DEPTH, one_line};
use crate::syntax::{
    argument_nodes, call_name, do_block, keyword_value, named_children, right, slice, statements,
};
use tree_sitter::Node;

/// Most results listed for one clause.
const MAX_RESULTS: usize = 12;

/// Collects the last expression of each branch, as written, without repeats.
pub(super) fn results(body: Node<'_>, text: &str, out: &mut Vec<String>) {
    branch(body, text, 0, out);
}

fn branch(node: Node<'_>, text: &str, depth: usize, out: &mut Vec<String>) {
    if depth > MAX_DEPTH || out.len() >= MAX_RESULTS {
        return;
    }
    match node.kind() {
        "do_block" => {
            let mut last = None;
            for part in named_children(node) {
                match part.kind() {
                    "rescue_block" | "catch_block" | "else_block" => {
                        for clause in named_children(part) {
                            branch(clause, text, depth + 1, out);
                        }
                    }
                    "after_block" => {}
                    "stab_clause" => branch(part, text, depth + 1, out),
                    _ => last = Some(part),
                }
            }
            // The body's own value comes before those of its rescues.
            if let Some(last) = last {
                let mut own = Vec::new();
                branch(last, text, depth + 1, &mut own);
                own.append(out);
                dedup(own, out);
            }
        }
        "stab_clause" => {
            if let Some(body) = right(node)
                && let Some(last) = statements(body).into_iter().rfind(|s| !s.is_extra())
            {
                branch(last, text, depth + 1, out);
            }
        }
        "block" => {
            if let Some(last) = named_children(node).into_iter().next_back() {
                branch(last, text, depth + 1, out);
            }
        }
        "call" => call(node, text, depth, out),
        _ => push(slice(node, text), out),
    }
}

fn call(node: Node<'_>, text: &str, depth: usize, out: &mut Vec<String>) {
    let name = call_name(node, text);
    let branching = matches!(
        name,
        Some("case" | "cond" | "if" | "unless" | "with" | "try" | "receive")
    );
    if matches!(name, Some("raise" | "reraise" | "throw" | "exit")) {
        return;
    }
    if !branching {
        push(slice(node, text), out);
        return;
    }
    if let Some(block) = do_block(node) {
        branch(block, text, depth + 1, out);
        let has_else = named_children(block)
            .iter()
            .any(|part| part.kind() == "else_block");
        if matches!(name, Some("if" | "unless")) {
            for part in named_children(block)
                .into_iter()
                .filter(|part| part.kind() == "else_block")
            {
                if let Some(last) = named_children(part).into_iter().next_back() {
                    branch(last, text, depth + 1, out);
                }
            }
            if !has_else {
                push("nil", out);
            }
        }
        return;
    }
    for key in ["do", "else"] {
        if let Some(value) = keyword_value(node, key, text) {
            branch(value, text, depth + 1, out);
        }
    }
}

fn push(source: &str, out: &mut Vec<String>) {
    let shown = one_line(source);
    if !shown.is_empty() && !out.contains(&shown) && out.len() < MAX_RESULTS {
        out.push(shown);
    }
}

fn dedup(all: Vec<String>, out: &mut Vec<String>) {
    for one in all {
        push(&one, out);
    }
}

/// Collects `raise` calls with their lines.
pub(super) fn raises(node: Node<'_>, text: &str, first_line: u32, out: &mut Vec<(String, u32)>) {
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        if call_name(node, text) == Some("raise")
            && let Some(first) = argument_nodes(node).first()
        {
            let raised = match first.kind() {
                "alias" => slice(*first, text).to_owned(),
                "string" => "RuntimeError".to_owned(),
                _ => one_line(slice(*first, text)),
            };
            out.push((raised, first_line + node.start_position().row as u32));
        }
        pending.extend(named_children(node).into_iter().rev());
    }
    out.sort_by_key(|(_, line)| *line);
}
