//! Counting tokens, offline and exactly, with the `o200k_base` vocabulary.
//!
//! Other vocabularies differ by a few percent on code; a budget keeps that as its reserve.

use crate::Error;

/// Counts tokens of text. Cheap to copy; the vocabulary is loaded once, at first use.
#[derive(Clone, Copy)]
pub struct Tokenizer {
    encoding: &'static tiktoken::CoreBpe,
}

/// A run without white space that is longer is counted in slices, to bound the time.
const RUN_BYTES_MAX: usize = 4 << 10;

impl Tokenizer {
    /// Loads the vocabulary: about 0.1 s and 25 MB, once a process.
    pub fn o200k() -> Result<Self, Error> {
        let encoding = tiktoken::get_encoding("o200k_base").ok_or(Error::Tokenizer)?;
        Ok(Self { encoding })
    }

    /// Gives the vocabulary's name, as shown beside counts.
    pub const fn name(&self) -> &'static str {
        "o200k_base"
    }

    /// Counts the tokens of a text. Special tokens in it count as plain text.
    pub fn count(&self, text: &str) -> u32 {
        let mut total = 0;
        for slice in bounded_slices(text) {
            total += self.encoding.count(slice);
        }
        u32::try_from(total).unwrap_or(u32::MAX)
    }

    /// Gives the longest start of `text`, at a line or character boundary, of at most
    /// `tokens_max` tokens.
    pub(crate) fn prefix<'t>(&self, text: &'t str, tokens_max: u32) -> &'t str {
        self.longest(text, tokens_max, |length| {
            &text[..text.floor_char_boundary(length)]
        })
    }

    /// Gives the longest end of `text` of at most `tokens_max` tokens.
    pub(crate) fn suffix<'t>(&self, text: &'t str, tokens_max: u32) -> &'t str {
        self.longest(text, tokens_max, |length| {
            &text[text.ceil_char_boundary(text.len() - length)..]
        })
    }

    /// Bisects over the length in bytes. A token is a byte at least, so the search starts small.
    fn longest<'t>(
        &self,
        text: &'t str,
        tokens_max: u32,
        cut: impl Fn(usize) -> &'t str,
    ) -> &'t str {
        const BYTES_PER_TOKEN_MAX: usize = 64;
        let mut fits = 0;
        let mut over = text.len().min(tokens_max as usize * BYTES_PER_TOKEN_MAX) + 1;
        if over > text.len() && self.count(text) <= tokens_max {
            return text;
        }
        while over - fits > 1 {
            let middle = fits + (over - fits) / 2;
            if middle <= text.len() && self.count(cut(middle)) <= tokens_max {
                fits = middle;
            } else {
                over = middle;
            }
        }
        cut(fits)
    }
}

/// Cuts text only inside very long runs without white space, so ordinary counts stay exact.
fn bounded_slices(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = long_run_cut(rest);
        let (slice, after) = rest.split_at(cut);
        rest = after;
        Some(slice)
    })
}

fn long_run_cut(text: &str) -> usize {
    let mut run_start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte.is_ascii_whitespace() {
            run_start = at;
        } else if at - run_start >= RUN_BYTES_MAX {
            return text.floor_char_boundary(at);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    fn oracle(text: &str) -> usize {
        tiktoken_rs::o200k_base_singleton().count_ordinary(text)
    }

    #[test]
    fn agrees_with_the_reference_on_code_and_prose() {
        let tokenizer = Tokenizer::o200k().unwrap();
        let own = include_str!("tokens.rs");
        for text in [
            "",
            " ",
            "\n\n\n  \t",
            own,
            "def total(%Cart{items: items}), do: Enum.sum_by(items, & &1.price)\n",
            "Größe — 価格 🛒 e\u{301} <|endoftext|>",
            &"    \n".repeat(500),
        ] {
            assert_eq!(tokenizer.count(text) as usize, oracle(text), "{text:.40}");
        }
    }

    #[test]
    fn one_endless_word_does_not_stop_the_node() {
        let tokenizer = Tokenizer::o200k().unwrap();
        let started = Instant::now();
        for unit in ["a", "äé", "/+"] {
            assert!(tokenizer.count(&unit.repeat(1 << 19)) > 1_000);
        }
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn agrees_with_the_reference_on_anything(text in "(\\PC|[ \n\t]|def |end\n){0,200}") {
            prop_assert_eq!(Tokenizer::o200k().unwrap().count(&text) as usize, oracle(&text));
        }

        #[test]
        fn cuts_fit(text in "(\\PC|[ \n]){0,300}", limit in 0_u32..80) {
            let tokenizer = Tokenizer::o200k().unwrap();
            let (start, end) = (tokenizer.prefix(&text, limit), tokenizer.suffix(&text, limit));
            prop_assert!(text.starts_with(start) && text.ends_with(end));
            prop_assert!(tokenizer.count(start) <= limit && tokenizer.count(end) <= limit);
            if tokenizer.count(&text) <= limit {
                prop_assert_eq!(start, text.as_str());
            }
        }
    }
}
