//! Literals over several lines, broken where the formatter breaks them.

use super::{Literal, has_atom_keys, is_bare_key, quote};

/// Width the formatter keeps by default.
pub(crate) const LINE_WIDTH: usize = 98;

/// True when `text` fits on a line that already holds `column` characters.
pub(crate) fn fits(text: &str, column: usize) -> bool {
    !text.contains('\n') && column + text.chars().count() <= LINE_WIDTH
}

/// Writes `value` starting at `column` with continuation lines indented by `indent`, leaving room for `after` characters.
///
/// A text that cannot be broken may stay too long, as the formatter leaves it.
pub(crate) fn layout(value: &Literal, column: usize, indent: usize, after: usize) -> String {
    let flat = value.to_string();
    if fits(&flat, column + after) {
        return flat;
    }
    let inner = indent + 2;
    let pad = " ".repeat(inner);
    let close = " ".repeat(indent);
    let (open, rows, end) = match value {
        Literal::List(items) if Literal::is_keyword(items) => {
            ("[".to_owned(), keyword_rows(items, inner), "]")
        }
        Literal::List(items) if !items.is_empty() => ("[".to_owned(), rows(items, inner), "]"),
        Literal::Tuple(items) if !items.is_empty() => ("{".to_owned(), rows(items, inner), "}"),
        Literal::Map(pairs) if !pairs.is_empty() => ("%{".to_owned(), map_rows(pairs, inner), "}"),
        Literal::Struct(name, fields) if !fields.is_empty() => (
            format!("%{name}{{"),
            fields
                .iter()
                .map(|(key, value)| keyed(key, value, inner))
                .collect(),
            "}",
        ),
        _ => return flat,
    };
    let body = rows
        .iter()
        .map(|row| format!("{pad}{row}"))
        .collect::<Vec<_>>()
        .join(",\n");
    format!("{open}\n{body}\n{close}{end}")
}

fn rows(items: &[Literal], indent: usize) -> Vec<String> {
    let last = items.len().saturating_sub(1);
    items
        .iter()
        .enumerate()
        .map(|(i, item)| layout(item, indent, indent, usize::from(i != last)))
        .collect()
}

fn keyword_rows(items: &[Literal], indent: usize) -> Vec<String> {
    items
        .iter()
        .filter_map(|item| match item {
            Literal::Tuple(pair) => match pair.as_slice() {
                [Literal::Atom(key), value] => Some(keyed(key, value, indent)),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

fn map_rows(pairs: &[(Literal, Literal)], indent: usize) -> Vec<String> {
    let bare = has_atom_keys(pairs);
    pairs
        .iter()
        .map(|(key, value)| match key {
            Literal::Atom(name) if bare => keyed(name, value, indent),
            key => {
                let start = format!("{key} => ");
                let column = indent + start.chars().count();
                format!("{start}{}", layout(value, column, indent, 1))
            }
        })
        .collect()
}

/// `key: value`; a text or tuple that fits on a line of its own goes there, anything else is broken in place.
fn keyed(key: &str, value: &Literal, indent: usize) -> String {
    let key = if is_bare_key(key) {
        format!("{key}:")
    } else {
        format!("{}:", quote(key))
    };
    let column = indent + key.chars().count() + 1;
    let flat = value.to_string();
    let own_line = indent + 2;
    let breakable = opens_in_place(value) || matches!(value, Literal::Tuple(_));
    if fits(&flat, column + 1) || opens_in_place(value) || (breakable && !fits(&flat, own_line + 1))
    {
        return format!("{key} {}", layout(value, column, indent, 1));
    }
    format!("{key}\n{:own_line$}{flat}", "")
}

/// Whether the formatter breaks inside the value rather than before it.
pub(crate) fn opens_in_place(value: &Literal) -> bool {
    match value {
        Literal::List(items) => !items.is_empty(),
        Literal::Map(pairs) => !pairs.is_empty(),
        Literal::Struct(_, fields) => !fields.is_empty(),
        _ => false,
    }
}
