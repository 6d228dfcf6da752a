//! Mentions of a function in documentation: `` `name/2` ``, `Module.name/2`, calls in `iex>` lines.

use super::sites::Subject;
use crate::module::FileAnalysis;
use crate::syntax::{argument_nodes, call_name, named_children, operand, operator};
use tree_sitter::Node;

/// Blanks before a line of a heredoc that make it code.
const CODE_INDENT: usize = 6;

/// Byte ranges of the name in the documentation and `describe` headings of one file.
///
/// `alone` says that no other function of the module has this name, so that a call need not be counted.
pub(super) fn mentions(
    root: Node<'_>,
    text: &str,
    file: &FileAnalysis,
    subject: &Subject,
    alone: bool,
) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if let Some(doc) = documentation(node, text) {
            let inside = super::sites::enclosing_module(file, node.start_byte())
                == Some(subject.module.as_str());
            scan(
                text,
                doc.start_byte(),
                doc.end_byte(),
                &Reader {
                    file,
                    subject,
                    alone,
                    inside,
                },
                &mut out,
            );
            continue;
        }
        if call_name(node, text) == Some("describe")
            && let Some(heading) = argument_nodes(node)
                .into_iter()
                .find(|n| n.kind() == "string")
        {
            out.extend(heading_mention(text, heading, subject));
        }
        pending.extend(named_children(node));
    }
    out
}

/// The argument of `@doc`, `@moduledoc` or `@typedoc`.
pub(super) fn documentation<'t>(node: Node<'t>, text: &str) -> Option<Node<'t>> {
    if node.kind() != "unary_operator" || operator(node, text) != "@" {
        return None;
    }
    let call = operand(node)?;
    matches!(call_name(call, text)?, "doc" | "moduledoc" | "typedoc").then_some(())?;
    argument_nodes(call).into_iter().next()
}

/// `describe "name/2"`, and nothing looser.
fn heading_mention(text: &str, heading: Node<'_>, subject: &Subject) -> Option<(usize, usize)> {
    let start = heading.start_byte() + 1;
    let inner = text.get(start..heading.end_byte() - 1)?;
    let (name, arity) = inner.split_once('/')?;
    let accepted = arity.parse::<usize>().is_ok_and(|a| subject.accepts(a));
    let full = format!("{}.{}", subject.module, subject.name);
    let short = format!(".{}", subject.name);
    let known =
        name == subject.name || name == full || (name.ends_with(&short) && full.ends_with(name));
    (accepted && known).then(|| {
        let end = start + name.len();
        (end - subject.name.len(), end)
    })
}

struct Reader<'a> {
    file: &'a FileAnalysis,
    subject: &'a Subject,
    alone: bool,
    /// The documentation belongs to the subject's own module.
    inside: bool,
}

fn scan(text: &str, start: usize, end: usize, reader: &Reader<'_>, out: &mut Vec<(usize, usize)>) {
    let name = reader.subject.name.as_str();
    let Some(doc) = text.get(start..end) else {
        return;
    };
    for (at, _) in doc.match_indices(name) {
        let (before, after) = (&doc[..at], &doc[at + name.len()..]);
        if reader.is_mention(before, after) {
            out.push((start + at, start + at + name.len()));
        }
    }
}

impl Reader<'_> {
    fn is_mention(&self, before: &str, after: &str) -> bool {
        let is_word = |c: char| c == '_' || c.is_alphanumeric();
        if before.chars().next_back().is_some_and(is_word)
            || before.ends_with('@')
            || before.ends_with(':') && !before.ends_with("c:")
        {
            return false;
        }
        let name_goes_on = |c: char| {
            is_word(c) || ((c == '?' || c == '!') && !self.subject.name.ends_with(['?', '!']))
        };
        if after.chars().next().is_some_and(name_goes_on) {
            return false;
        }
        let qualifier = self.qualifier(before);
        let known = match &qualifier {
            Some(module) => self.is_module(module),
            None => self.inside && self.is_code(before),
        };
        known && self.fits(before, after, qualifier.is_some())
    }

    /// `Shop.Cart` of `Shop.Cart.` directly before the name.
    fn qualifier(&self, before: &str) -> Option<String> {
        let path = before.strip_suffix('.')?;
        let tail = path
            .rfind(|c: char| !(c == '.' || c == '_' || c.is_alphanumeric()))
            .map_or(0, |at| at + 1);
        // `rfind` gives the start of a character; step over it whole.
        let tail = (tail..=path.len())
            .find(|at| path.is_char_boundary(*at))
            .unwrap_or(path.len());
        Some(path[tail..].to_owned())
    }

    fn is_module(&self, written: &str) -> bool {
        let module = &self.subject.module;
        let aliased = self
            .file
            .modules
            .iter()
            .flat_map(|m| &m.aliases)
            .any(|a| a.short == written && a.full == *module);
        written == module || aliased || (self.inside && module.ends_with(&format!(".{written}")))
    }

    /// Between backquotes, in a line typed at a prompt, or in an indented block.
    fn is_code(&self, before: &str) -> bool {
        let line = before.rsplit('\n').next().unwrap_or(before);
        let typed = line.trim_start();
        // Prose in a heredoc stands two to four blanks in; code four more.
        let block = line.len() - typed.len() >= CODE_INDENT && !typed.starts_with(['*', '-']);
        block
            || typed.starts_with("iex") && typed.contains('>')
            || typed.starts_with("...>")
            || line.matches('`').count() % 2 == 1
    }

    fn fits(&self, before: &str, after: &str, qualified: bool) -> bool {
        if let Some(arity) = after.strip_prefix('/') {
            let digits: String = arity.chars().take_while(char::is_ascii_digit).collect();
            return digits
                .parse::<usize>()
                .is_ok_and(|a| self.subject.accepts(a));
        }
        if after.starts_with('(') {
            let piped = before
                .trim_end_matches(|c: char| c == '.' || c == '_' || c.is_alphanumeric())
                .trim_end()
                .ends_with("|>");
            return self.alone
                || count_arguments(after)
                    .is_some_and(|n| self.subject.accepts(n + usize::from(piped)));
        }
        // `Module.name` in code without parentheses or arity.
        qualified && self.alone && self.is_code(before)
    }
}

/// Counts the arguments of `(…)` at the start of a text; `None` when it does not close.
fn count_arguments(text: &str) -> Option<usize> {
    let (mut depth, mut commas, mut quoted, mut any) = (0usize, 0usize, false, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '"' => {
                quoted = !quoted;
                any = true;
            }
            _ if quoted => {}
            '(' | '[' | '{' => {
                any |= depth > 0;
                depth += 1;
            }
            ')' | ']' | '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(if any { commas + 1 } else { 0 });
                }
            }
            ',' if depth == 1 => commas += 1,
            c if !c.is_whitespace() => any = true,
            _ => {}
        }
    }
    None
}
