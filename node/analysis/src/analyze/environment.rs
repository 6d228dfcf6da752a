//! The aliases in force at a point of the text.

use crate::module::Alias;
use crate::syntax::alias_text;

/// Lexical stack of aliases; scopes are marks in it.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    aliases: Vec<Alias>,
}

impl Environment {
    pub(crate) fn mark(&self) -> usize {
        self.aliases.len()
    }

    pub(crate) fn leave(&mut self, mark: usize) {
        self.aliases.truncate(mark);
    }

    pub(crate) fn add(&mut self, alias: Alias) {
        self.aliases.push(alias);
    }

    pub(crate) fn in_force(&self) -> &[Alias] {
        &self.aliases
    }

    /// Returns the full name of an alias as written. `Elixir.` in front means "already full".
    pub(crate) fn resolve(&self, written: &str) -> String {
        if written.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return self.resolve(&alias_text(written));
        }
        if let Some(full) = written.strip_prefix("Elixir.") {
            return full.to_owned();
        }
        let (first, rest) = match written.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (written, None),
        };
        let Some(alias) = self.aliases.iter().rev().find(|alias| alias.short == first) else {
            return written.to_owned();
        };
        match rest {
            Some(rest) => format!("{}.{rest}", alias.full),
            None => alias.full.clone(),
        }
    }
}
