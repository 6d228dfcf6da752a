//! The first line of a broken definition: name and arity without a grammar.

use super::lines::lines;
use crate::chunk::FunctionKind;

/// A head is read this far at most, in bytes.
const MAX_HEAD: usize = 4_096;

/// What a line says it defines. Offset and line count from the start of the text searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) what: What,
    pub(crate) name: String,
    pub(crate) arity: u8,
    pub(crate) defaults: u8,
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) line: u32,
    /// It is the statement itself, not something inside it.
    pub(super) first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Function(FunctionKind),
    Test,
}

/// Finds the definitions in one broken statement: the statement itself or, when it is none, the lines inside.
pub(super) fn definitions(statement: &str) -> Vec<Scanned> {
    let mut found = Vec::new();
    for (index, line) in lines(statement).iter().enumerate() {
        if line.quoted {
            continue;
        }
        let offset = line.start_byte + line.indent;
        let Some(rest) = statement.get(offset..) else {
            continue;
        };
        if let Some(mut scanned) = definition(rest, line.word()) {
            scanned.offset = offset as u32;
            scanned.length = line.text.len() as u32;
            scanned.line = line.number - 1;
            scanned.first = index == 0;
            found.push(scanned);
        }
        // What stands inside a definition (a `quote`, a nested module) is not the module's own.
        let defines = line.word().starts_with("def") || matches!(line.word(), "test" | "property");
        if defines && index == 0 {
            break;
        }
    }
    found
}

fn definition(rest: &str, word: &str) -> Option<Scanned> {
    if matches!(word, "test" | "property") {
        let name = quoted(rest.lines().next()?)?;
        return Some(scanned(What::Test, name, 0, 0));
    }
    let kind = FunctionKind::from_keyword(word)?;
    let (name, arity, defaults) = head(rest.get(word.len()..)?)?;
    Some(scanned(What::Function(kind), name, arity, defaults))
}

fn scanned(what: What, name: String, arity: u8, defaults: u8) -> Scanned {
    Scanned {
        what,
        name,
        arity,
        defaults,
        offset: 0,
        length: 0,
        line: 0,
        first: false,
    }
}

/// Returns the first double-quoted text of a line.
pub(super) fn quoted(line: &str) -> Option<String> {
    let (_, after) = line.split_once('"')?;
    let (inside, _) = after.rsplit_once('"').unwrap_or((after, ""));
    Some(inside.to_owned())
}

/// Reads ` name(a, b \\ 1)`; `None` for operators and computed names.
fn head(text: &str) -> Option<(String, u8, u8)> {
    let text = text
        .strip_prefix([' ', '('])?
        .trim_start_matches([' ', '(']);
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let end = end + usize::from(text[end..].starts_with(['?', '!']));
    let name = &text[..end];
    let starts_well =
        name.starts_with(|c: char| c == '_' || (c.is_alphabetic() && !c.is_uppercase()));
    if name == "unquote" || !starts_well {
        return None;
    }
    let rest = &text[end..];
    if let Some(parameters) = rest.strip_prefix('(') {
        let (arity, defaults) = count(parameters, true);
        return Some((name.to_owned(), arity, defaults));
    }
    let line = rest.lines().next().unwrap_or_default();
    let bare = line.split(" do").next().unwrap_or_default();
    let bare = bare
        .split(", do:")
        .next()
        .unwrap_or_default()
        .split(" when ")
        .next()
        .unwrap_or_default();
    if bare.trim().is_empty() || bare.starts_with(',') {
        return Some((name.to_owned(), 0, 0));
    }
    let (arity, defaults) = count(bare, false);
    Some((name.to_owned(), arity, defaults))
}

/// Counts parameters and defaults up to the closing parenthesis (or the end of the text).
fn count(text: &str, parenthesised: bool) -> (u8, u8) {
    let bytes = &text.as_bytes()[..text.len().min(MAX_HEAD)];
    let mut counter = Counter::default();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => {
                counter.seen = true;
                at = skip_string(bytes, at);
            }
            b'?' if at == 0 || !is_word(bytes[at - 1]) => {
                counter.seen = true;
                at += 1;
            }
            b'#' if at > 0 && bytes[at - 1] == b' ' => at = skip_line(bytes, at),
            b'(' | b'[' | b'{' => counter.open(),
            b')' if counter.depth == 0 && parenthesised => break,
            b')' | b']' | b'}' => counter.depth = counter.depth.saturating_sub(1),
            b',' if counter.depth == 0 => counter.comma(),
            b'\\' if counter.depth == 0 && bytes.get(at + 1) == Some(&b'\\') => {
                counter.defaults = counter.defaults.saturating_add(1);
                at += 1;
            }
            b':' if counter.depth == 0 && is_key(bytes, at) => counter.keywords = true,
            b'\n' if at + 1 < bytes.len() && !matches!(bytes[at + 1], b' ' | b'\n' | b'\r') => {
                break;
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => counter.seen = true,
        }
        at += 1;
    }
    (counter.arity(), counter.defaults)
}

#[derive(Default)]
struct Counter {
    depth: usize,
    commas: u8,
    defaults: u8,
    /// Something other than blanks since the last comma.
    seen: bool,
    /// Inside trailing `key: value` pairs, which are one parameter.
    keywords: bool,
}

impl Counter {
    fn open(&mut self) {
        self.depth += 1;
        self.seen = true;
    }

    fn comma(&mut self) {
        if !self.keywords {
            self.commas = self.commas.saturating_add(1);
            self.seen = false;
        }
    }

    fn arity(&self) -> u8 {
        self.commas.saturating_add(u8::from(self.seen))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_key(bytes: &[u8], at: usize) -> bool {
    at > 0
        && (is_word(bytes[at - 1]) || matches!(bytes[at - 1], b'?' | b'!'))
        && bytes.get(at + 1) == Some(&b' ')
}

/// Returns the index of the closing quote; a string that does not end on its line is taken to end there.
fn skip_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != bytes[start] && bytes[at] != b'\n' {
        at += 1 + usize::from(bytes[at] == b'\\');
    }
    at
}

fn skip_line(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |length| start + length)
}
