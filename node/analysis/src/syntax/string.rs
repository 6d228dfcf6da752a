//! The value of string and sigil literals as far as it is written down.

use super::{kinds, slice};
use tree_sitter::Node;

/// Returns the value of a string, charlist or `~s`/`~S` literal; interpolations keep their source text. `None` for other nodes.
pub(crate) fn string_value(node: Node<'_>, text: &str) -> Option<String> {
    let kinds = kinds();
    let raw = node.kind_id() == kinds.sigil && is_raw_sigil(node, text);
    if node.kind_id() != kinds.string
        && node.kind_id() != kinds.charlist
        && node.kind_id() != kinds.sigil
    {
        return None;
    }
    let mut value = String::new();
    let mut heredoc = false;
    let mut cursor = node.walk();
    for child in node.children(&mut cursor) {
        match child.kind() {
            "\"\"\"" | "'''" => heredoc = true,
            "quoted_content" | "interpolation" => value.push_str(slice(child, text)),
            "escape_sequence" if raw => value.push_str(slice(child, text)),
            "escape_sequence" => push_escape(slice(child, text), &mut value),
            _ => {}
        }
    }
    if heredoc {
        let indent = node.end_position().column.saturating_sub(3);
        return Some(dedent(&value, indent));
    }
    Some(value)
}

fn is_raw_sigil(node: Node<'_>, text: &str) -> bool {
    slice(node, text)
        .chars()
        .nth(1)
        .is_some_and(char::is_uppercase)
}

fn push_escape(sequence: &str, value: &mut String) {
    let body = sequence.get(1..).unwrap_or_default();
    match body.chars().next() {
        Some('n') => value.push('\n'),
        Some('t') => value.push('\t'),
        Some('r') => value.push('\r'),
        Some('s') => value.push(' '),
        Some('0') => value.push('\0'),
        Some('\n') => {}
        Some('e') => value.push('\u{1b}'),
        Some('a') => value.push('\u{7}'),
        Some('b') => value.push('\u{8}'),
        Some('d') => value.push('\u{7f}'),
        Some('f') => value.push('\u{c}'),
        Some('v') => value.push('\u{b}'),
        Some('u' | 'x') => match code_point(body) {
            Some(c) => value.push(c),
            None => value.push_str(sequence),
        },
        _ => value.push_str(body),
    }
}

fn code_point(body: &str) -> Option<char> {
    let digits = body.get(1..)?.trim_matches(['{', '}']);
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// Removes the heredoc's first line break and up to `indent` leading blanks of every line.
fn dedent(value: &str, indent: usize) -> String {
    let body = value
        .strip_prefix("\r\n")
        .or_else(|| value.strip_prefix('\n'))
        .unwrap_or(value);
    let mut out = String::with_capacity(body.len());
    for line in body.split_inclusive('\n') {
        let blanks = line
            .bytes()
            .take(indent)
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        out.push_str(line.get(blanks..).unwrap_or(line));
    }
    out.trim_end_matches([' ', '\t']).to_owned()
}
