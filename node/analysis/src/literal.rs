//! Values an Elixir program can write down: read from source or from `inspect`, written as `mix format` leaves them.
//!
//! Not an evaluator: what is not plainly a value (a variable, a call, an interpolation) is no literal.

mod layout;
mod read;

pub(crate) use layout::{LINE_WIDTH, fits, layout, opens_in_place};
pub(crate) use read::{expression, from_node};

use std::fmt;

/// A literal value. Numbers keep their digits, so that big integers survive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Literal {
    /// Decimal digits with an optional minus, no underscores.
    Integer(String),
    /// As Elixir prints it, no underscores.
    Float(String),
    /// Name without the colon; `nil`, `true` and `false` too.
    Atom(String),
    /// A module name such as `Shop.Cart`.
    Module(String),
    /// Decoded text of a double-quoted string.
    Text(String),
    /// Decoded text of a charlist.
    Charlist(String),
    List(Vec<Literal>),
    Tuple(Vec<Literal>),
    /// Pairs in source order.
    Map(Vec<(Literal, Literal)>),
    Struct(String, Vec<(String, Literal)>),
    /// Bytes of `<<1, 2>>`.
    Binary(Vec<u8>),
    /// First, last, step as written.
    Range(Box<Literal>, Box<Literal>, Option<Box<Literal>>),
    /// A sigil without interpolation, as written: `~D[2020-02-29]`, `~r/a+/i`.
    Sigil(String),
}

impl Literal {
    /// Reads one literal; `None` when the text is anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        read::parse(text)
    }

    /// Builds an integer.
    pub(crate) fn integer(value: i64) -> Self {
        Self::Integer(value.to_string())
    }

    /// Builds an atom from its name without the colon.
    pub(crate) fn atom(name: &str) -> Self {
        Self::Atom(name.to_owned())
    }

    /// Builds a string.
    pub(crate) fn text(value: &str) -> Self {
        Self::Text(value.to_owned())
    }

    /// Gives the same value with structs of `module` written by the last part of its name.
    pub(crate) fn aliased(&self, module: &str) -> Self {
        let all = |items: &[Self]| items.iter().map(|item| item.aliased(module)).collect();
        match self {
            Self::List(items) => Self::List(all(items)),
            Self::Tuple(items) => Self::Tuple(all(items)),
            Self::Map(pairs) => Self::Map(
                pairs
                    .iter()
                    .map(|(k, v)| (k.aliased(module), v.aliased(module)))
                    .collect(),
            ),
            Self::Struct(name, fields) => {
                let short = module.rsplit('.').next().unwrap_or(module);
                let name = if name == module { short } else { name };
                Self::Struct(
                    name.to_owned(),
                    fields
                        .iter()
                        .map(|(k, v)| (k.clone(), v.aliased(module)))
                        .collect(),
                )
            }
            other => other.clone(),
        }
    }

    /// True when the list can be written as `[a: 1]`.
    fn is_keyword(items: &[Self]) -> bool {
        !items.is_empty()
            && items.iter().all(|item| match item {
                Self::Tuple(pair) => {
                    pair.len() == 2 && matches!(&pair[0], Self::Atom(name) if !is_reserved(name))
                }
                _ => false,
            })
    }
}

/// Writes the arguments of a call: a keyword list at the end stands without brackets, as the formatter wants it.
pub(crate) fn argument_list(values: &[Literal]) -> String {
    let last = values.len().saturating_sub(1);
    let written = values.iter().enumerate().map(|(at, value)| match value {
        Literal::List(items) if at == last && Literal::is_keyword(items) => {
            let text = value.to_string();
            text[1..text.len() - 1].to_owned()
        }
        value => value.to_string(),
    });
    written.collect::<Vec<_>>().join(", ")
}

/// `nil`, `true` and `false` print without a colon.
fn is_reserved(name: &str) -> bool {
    matches!(name, "nil" | "true" | "false")
}

/// Whether an atom needs no quotes after its colon.
pub(crate) fn is_bare_atom(name: &str) -> bool {
    let mut chars = name.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    if !(first == '_' || first.is_alphabetic()) {
        return matches!(
            name,
            "+" | "-"
                | "*"
                | "/"
                | "<"
                | ">"
                | "=="
                | "!="
                | "<="
                | ">="
                | "++"
                | "--"
                | "<>"
                | "|>"
                | "=~"
                | "==="
                | "!=="
                | "&&"
                | "||"
                | "!"
                | "%{}"
                | "{}"
                | "<<>>"
                | ".."
                | "..."
                | "%"
                | "&"
                | "^"
                | "="
                | "."
        );
    }
    let body = name.strip_suffix(['?', '!']).unwrap_or(name);
    body.chars()
        .all(|c| c == '_' || c == '@' || c.is_alphanumeric())
}

/// Whether an atom can stand as a keyword key without quotes.
fn is_bare_key(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_alphabetic()) && is_bare_atom(name)
}

/// Writes text between double quotes, escaped as `inspect` escapes it.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    push_escaped(text, &mut out);
    out.push('"');
    out
}

fn push_escaped(text: &str, out: &mut String) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{7f}' => out.push_str("\\d"),
            '\0' => out.push_str("\\0"),
            '#' if chars.peek() == Some(&'{') => out.push_str("\\#"),
            c if c.is_control() => out.push_str(&format!("\\x{{{:X}}}", u32::from(c))),
            c => out.push(c),
        }
    }
}

/// Groups digits by three as the formatter does from six digits on.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |d| ("-", d));
    let (whole, rest) = match digits.find('.') {
        Some(at) => digits.split_at(at),
        None => (digits, ""),
    };
    if whole.len() < 6 {
        return number.to_owned();
    }
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out + rest
}

fn write_key(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if is_bare_key(name) {
        write!(f, "{name}:")
    } else {
        write!(f, "{}:", quote(name))
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Literal]) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

fn write_keyword(f: &mut fmt::Formatter<'_>, items: &[Literal]) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        if let Literal::Tuple(pair) = item
            && let [Literal::Atom(key), value] = pair.as_slice()
        {
            write_key(f, key)?;
            write!(f, " {value}")?;
        }
    }
    Ok(())
}

/// Whether every key of a map can be written as `key: value`.
fn has_atom_keys(pairs: &[(Literal, Literal)]) -> bool {
    pairs
        .iter()
        .all(|(key, _)| matches!(key, Literal::Atom(name) if !is_reserved(name)))
}

fn write_map(f: &mut fmt::Formatter<'_>, pairs: &[(Literal, Literal)]) -> fmt::Result {
    f.write_str("%{")?;
    let bare = has_atom_keys(pairs);
    for (i, (key, value)) in pairs.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        match key {
            Literal::Atom(name) if bare => {
                write_key(f, name)?;
                write!(f, " {value}")?;
            }
            key => write!(f, "{key} => {value}")?,
        }
    }
    f.write_str("}")
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(n) | Self::Float(n) => f.write_str(&grouped(n)),
            Self::Atom(name) if is_reserved(name) => f.write_str(name),
            Self::Atom(name) if is_bare_atom(name) => write!(f, ":{name}"),
            Self::Atom(name) => write!(f, ":{}", quote(name)),
            Self::Module(name) | Self::Sigil(name) => f.write_str(name),
            Self::Text(text) => f.write_str(&quote(text)),
            Self::Charlist(text) => write!(f, "~c{}", quote(text)),
            Self::List(items) => {
                f.write_str("[")?;
                if Self::is_keyword(items) {
                    write_keyword(f, items)?;
                } else {
                    write_list(f, items)?;
                }
                f.write_str("]")
            }
            Self::Tuple(items) => {
                f.write_str("{")?;
                write_list(f, items)?;
                f.write_str("}")
            }
            Self::Map(pairs) => write_map(f, pairs),
            Self::Struct(name, fields) => {
                write!(f, "%{name}{{")?;
                for (i, (field, value)) in fields.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    write_key(f, field)?;
                    write!(f, " {value}")?;
                }
                f.write_str("}")
            }
            Self::Binary(bytes) => {
                let parts: Vec<String> = bytes.iter().map(u8::to_string).collect();
                write!(f, "<<{}>>", parts.join(", "))
            }
            Self::Range(first, last, None) => write!(f, "{first}..{last}"),
            Self::Range(first, last, Some(step)) => write!(f, "{first}..{last}//{step}"),
        }
    }
}

#[cfg(test)]
mod tests;
