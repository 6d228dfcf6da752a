//! Source text → literal, by the syntax tree.

use super::Literal;
use crate::syntax::parse_tree;
use tree_sitter::Node;

/// Longest text read as one literal, in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Deepest nesting of a literal.
const MAX_DEPTH: usize = 32;

/// Parses text that holds exactly one expression and hands its node to `read`.
pub(crate) fn expression<T>(text: &str, read: impl FnOnce(Node<'_>) -> Option<T>) -> Option<T> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let tree = parse_tree(text)?;
    let root = tree.root_node();
    if root.has_error() || root.named_child_count() != 1 {
        return None;
    }
    read(root.named_child(0)?)
}

pub(super) fn parse(text: &str) -> Option<Literal> {
    expression(text.trim(), |node| from_node(node, text.trim()))
}

/// Reads a node of `text` as a literal.
pub(crate) fn from_node(node: Node<'_>, text: &str) -> Option<Literal> {
    read(node, text, 0)
}

fn slice<'t>(node: Node<'_>, text: &'t str) -> &'t str {
    text.get(node.byte_range()).unwrap_or_default()
}

fn read(node: Node<'_>, text: &str, depth: usize) -> Option<Literal> {
    if depth > MAX_DEPTH {
        return None;
    }
    let own = slice(node, text);
    match node.kind() {
        "integer" => integer(own),
        "float" => Some(Literal::Float(own.replace('_', ""))),
        "boolean" | "nil" => Some(Literal::atom(own)),
        "atom" => own.strip_prefix(':').map(Literal::atom),
        "quoted_atom" => quoted(node, text).map(Literal::Atom),
        "alias" => Some(Literal::Module(own.split_whitespace().collect())),
        "char" => character(own).map(|c| Literal::integer(i64::from(u32::from(c)))),
        "string" => quoted(node, text).map(Literal::Text),
        "charlist" => quoted(node, text).map(Literal::Charlist),
        "list" => items(node, text, depth).map(Literal::List),
        "tuple" => items(node, text, depth).map(Literal::Tuple),
        "bitstring" => bytes(node, text),
        "map" => map(node, text, depth),
        "sigil" => sigil(node, text),
        "unary_operator" => negative(node, text, depth),
        "binary_operator" => range(node, text, depth),
        "block" if node.named_child_count() == 1 => read(node.named_child(0)?, text, depth + 1),
        _ => None,
    }
}

fn integer(own: &str) -> Option<Literal> {
    let digits = own.replace('_', "");
    let radix = match digits.get(..2) {
        Some("0x") => 16,
        Some("0b") => 2,
        Some("0o") => 8,
        _ => return Some(Literal::Integer(digits)),
    };
    let value = u128::from_str_radix(digits.get(2..)?, radix).ok()?;
    Some(Literal::Integer(value.to_string()))
}

fn character(own: &str) -> Option<char> {
    let body = own.strip_prefix('?')?;
    match body.strip_prefix('\\') {
        Some(escape) if !escape.is_empty() => unescape(&format!("\\{escape}")),
        _ => body.chars().next(),
    }
}

fn negative(node: Node<'_>, text: &str, depth: usize) -> Option<Literal> {
    let operator = slice(node.child_by_field_name("operator")?, text);
    let operand = read(node.child_by_field_name("operand")?, text, depth + 1)?;
    match (operator, operand) {
        ("-", Literal::Integer(n)) => Some(Literal::Integer(format!("-{n}"))),
        ("-", Literal::Float(n)) => Some(Literal::Float(format!("-{n}"))),
        _ => None,
    }
}

fn range(node: Node<'_>, text: &str, depth: usize) -> Option<Literal> {
    let operator = slice(node.child_by_field_name("operator")?, text);
    let left = read(node.child_by_field_name("left")?, text, depth + 1)?;
    let right = read(node.child_by_field_name("right")?, text, depth + 1)?;
    match (operator, left, right) {
        ("..", left @ Literal::Integer(_), right @ Literal::Integer(_)) => {
            Some(Literal::Range(Box::new(left), Box::new(right), None))
        }
        ("//", Literal::Range(first, last, None), step @ Literal::Integer(_)) => {
            Some(Literal::Range(first, last, Some(Box::new(step))))
        }
        _ => None,
    }
}

fn items(node: Node<'_>, text: &str, depth: usize) -> Option<Vec<Literal>> {
    let mut out = Vec::new();
    let mut cursor = node.walk();
    for child in node.named_children(&mut cursor) {
        match child.kind() {
            "keywords" => out.extend(
                pairs(child, text, depth)?
                    .into_iter()
                    .map(|(k, v)| Literal::Tuple(vec![k, v])),
            ),
            "comment" => {}
            _ => out.push(read(child, text, depth + 1)?),
        }
    }
    Some(out)
}

fn pairs(keywords: Node<'_>, text: &str, depth: usize) -> Option<Vec<(Literal, Literal)>> {
    let mut out = Vec::new();
    let mut cursor = keywords.walk();
    for pair in keywords.named_children(&mut cursor) {
        if pair.kind() == "comment" {
            continue;
        }
        let key = pair.child_by_field_name("key")?;
        let name = match key.kind() {
            "keyword" => slice(key, text).trim_end().strip_suffix(':')?.to_owned(),
            _ => quoted(key, text)?,
        };
        out.push((
            Literal::Atom(name),
            read(pair.child_by_field_name("value")?, text, depth + 1)?,
        ));
    }
    Some(out)
}

fn map(node: Node<'_>, text: &str, depth: usize) -> Option<Literal> {
    let mut entries = Vec::new();
    let mut name = None;
    let mut cursor = node.walk();
    for part in node.named_children(&mut cursor) {
        match part.kind() {
            "struct" => name = Some(slice(part, text).to_owned()),
            "map_content" => entries = map_entries(part, text, depth)?,
            "comment" => {}
            _ => return None,
        }
    }
    let Some(name) = name else {
        return Some(Literal::Map(entries));
    };
    let fields: Option<Vec<(String, Literal)>> = entries
        .into_iter()
        .map(|(key, value)| match key {
            Literal::Atom(field) => Some((field, value)),
            _ => None,
        })
        .collect();
    name.starts_with(|c: char| c.is_uppercase()).then_some(())?;
    Some(Literal::Struct(name, fields?))
}

fn map_entries(content: Node<'_>, text: &str, depth: usize) -> Option<Vec<(Literal, Literal)>> {
    let mut entries = Vec::new();
    let mut cursor = content.walk();
    for entry in content.named_children(&mut cursor) {
        match entry.kind() {
            "keywords" => entries.extend(pairs(entry, text, depth)?),
            "binary_operator" => {
                if slice(entry.child_by_field_name("operator")?, text) != "=>" {
                    return None;
                }
                let key = read(entry.child_by_field_name("left")?, text, depth + 1)?;
                entries.push((
                    key,
                    read(entry.child_by_field_name("right")?, text, depth + 1)?,
                ));
            }
            "comment" => {}
            _ => return None,
        }
    }
    Some(entries)
}

/// `<<1, 2>>` only; sized segments are not values we write.
fn bytes(node: Node<'_>, text: &str) -> Option<Literal> {
    let mut out = Vec::new();
    let mut cursor = node.walk();
    for child in node.named_children(&mut cursor) {
        match read(child, text, 0)? {
            Literal::Integer(n) => out.push(n.parse::<u8>().ok()?),
            Literal::Text(part) => out.extend(part.bytes()),
            _ => return None,
        }
    }
    Some(Literal::Binary(out))
}

fn sigil(node: Node<'_>, text: &str) -> Option<Literal> {
    let mut cursor = node.walk();
    let mut content = String::new();
    let mut name = "";
    let mut escaped = false;
    for part in node.named_children(&mut cursor) {
        match part.kind() {
            "interpolation" => return None,
            "sigil_name" => name = slice(part, text),
            "quoted_content" => content.push_str(slice(part, text)),
            "escape_sequence" => {
                escaped = true;
                content.push_str(slice(part, text));
            }
            _ => {}
        }
    }
    match name {
        "c" if !escaped => Some(Literal::Charlist(content)),
        "c" => quoted(node, text).map(Literal::Charlist),
        "s" | "S" if !escaped => Some(Literal::Text(content)),
        _ if slice(node, text).contains('\n') => None,
        _ => Some(Literal::Sigil(slice(node, text).to_owned())),
    }
}

/// Decoded contents of a quoted node; `None` with interpolation.
pub(super) fn quoted(node: Node<'_>, text: &str) -> Option<String> {
    let mut out = String::new();
    let mut cursor = node.walk();
    for part in node.named_children(&mut cursor) {
        match part.kind() {
            "quoted_content" => out.push_str(slice(part, text)),
            "escape_sequence" => match unescape(slice(part, text)) {
                Some(c) => out.push(c),
                None if slice(part, text) == "\\\n" => {}
                None => return None,
            },
            "interpolation" => return None,
            _ => {}
        }
    }
    let heredoc = node
        .child_by_field_name("quoted_start")
        .is_some_and(|start| slice(start, text).len() == 3);
    Some(if heredoc {
        dedent(&out, node.end_position().column.saturating_sub(3))
    } else {
        out
    })
}

/// Removes the heredoc's indentation and the line break after its opening quotes.
fn dedent(content: &str, indent: usize) -> String {
    let body = content.strip_prefix('\n').unwrap_or(content);
    let mut out = String::with_capacity(body.len());
    for line in body.split_inclusive('\n') {
        let blank = line.len() - line.trim_start_matches(' ').len();
        out.push_str(&line[blank.min(indent)..]);
    }
    out
}

/// One escape sequence as written, backslash included.
fn unescape(escape: &str) -> Option<char> {
    let body = escape.strip_prefix('\\')?;
    let first = body.chars().next()?;
    let hex = |digits: &str| {
        u32::from_str_radix(digits.trim_matches(['{', '}']), 16)
            .ok()
            .and_then(char::from_u32)
    };
    Some(match first {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        's' => ' ',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'd' => '\u{7f}',
        'e' => '\u{1b}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '0' => '\0',
        // A byte above 0x7F is no character of its own.
        'x' => return hex(&body[1..]).filter(char::is_ascii),
        'u' => return hex(&body[1..]),
        '\n' => return None,
        other => other,
    })
}
