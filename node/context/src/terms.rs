//! Text to search terms, as code is written: identifiers whole and in parts, lightly stemmed.
//!
//! `update_cart_total!` gives `update_cart_total`, `updat`, `cart`, `total`. The single largest
//! gain of retrieval is here, so a change needs a measurement. Terms are never stored.

use xxhash_rust::xxh3::xxh3_64;

/// A term by its hash; equal terms have equal hashes, and collisions do not matter for ranking.
pub(crate) type Term = u64;

const WORD_BYTES_MAX: usize = 128;

/// Words that are in nearly every chunk or question.
const STOP_WORDS: &[&str] = &[
    "a",
    "all",
    "also",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "been",
    "but",
    "by",
    "can",
    "code",
    "def",
    "defmodule",
    "defp",
    "do",
    "does",
    "each",
    "else",
    "end",
    "fn",
    "for",
    "from",
    "function",
    "has",
    "have",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "me",
    "must",
    "my",
    "nil",
    "no",
    "not",
    "of",
    "on",
    "or",
    "our",
    "please",
    "should",
    "so",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "to",
    "true",
    "us",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "would",
    "you",
    "your",
];

/// Calls `take` with each term of the text, repeats included.
pub(crate) fn for_each_term(text: &str, mut take: impl FnMut(Term)) {
    let mut buffer = String::new();
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if word.is_empty() || word.len() > WORD_BYTES_MAX {
            continue;
        }
        word_terms(word, &mut buffer, &mut take);
    }
}

/// Collects the terms of a short text, such as a query.
pub(crate) fn terms(text: &str) -> Vec<Term> {
    let mut found = Vec::new();
    for_each_term(text, |term| found.push(term));
    found
}

fn word_terms(word: &str, buffer: &mut String, take: &mut impl FnMut(Term)) {
    let mut parts = 0;
    for piece in word.split('_').filter(|piece| !piece.is_empty()) {
        for part in CamelParts(piece) {
            parts += 1;
            lower_into(part, buffer);
            if STOP_WORDS.binary_search(&buffer.as_str()).is_err() {
                take(xxh3_64(stem(buffer).as_bytes()));
            }
        }
    }
    if parts > 1 {
        lower_into(word.trim_matches('_'), buffer);
        take(xxh3_64(buffer.as_bytes()));
    }
}

fn lower_into(text: &str, buffer: &mut String) {
    buffer.clear();
    buffer.extend(text.chars().flat_map(char::to_lowercase));
}

/// `HTTPServer2` as `HTTP`, `Server2`.
struct CamelParts<'a>(&'a str);

impl<'a> Iterator for CamelParts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let cut = camel_cut(self.0);
        let (part, rest) = self.0.split_at(cut);
        self.0 = rest;
        Some(part)
    }
}

fn camel_cut(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut before_lower = false;
    let mut before_upper = false;
    while let Some((at, character)) = characters.next() {
        let upper = character.is_uppercase();
        let next_lower = characters
            .peek()
            .is_some_and(|(_, next)| next.is_lowercase());
        if at > 0 && upper && (before_lower || (before_upper && next_lower)) {
            return at;
        }
        before_lower = character.is_lowercase() || character.is_numeric();
        before_upper = upper;
    }
    text.len()
}

/// Cuts common English endings so that `validate`, `validated` and `validation` meet. Not a full
/// stemmer: a wrong cut is harmless as long as both sides are cut alike.
fn stem(word: &str) -> &str {
    if !word.is_ascii() || word.len() < 4 {
        return word;
    }
    let word = without_plural(word);
    let longer_than = |cut: usize| word.len() >= cut + 3;
    let cut = |ending: &str| {
        word.strip_suffix(ending)
            .filter(|_| longer_than(ending.len()))
    };
    let stripped = cut("ing")
        .or_else(|| cut("ed"))
        .or_else(|| cut("ion").filter(|rest| rest.ends_with(['t', 's'])))
        .or_else(|| cut("or").filter(|rest| rest.ends_with("at")))
        .or_else(|| cut("er"));
    match stripped {
        Some(rest) => undoubled(rest),
        None => cut("e").unwrap_or(word),
    }
}

fn without_plural(word: &str) -> &str {
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word;
    }
    for ending in ["ches", "shes", "sses", "xes", "zes"] {
        if word.len() > ending.len() && word.ends_with(ending) {
            return &word[..word.len() - 2];
        }
    }
    word.strip_suffix('s')
        .filter(|rest| rest.len() >= 3)
        .unwrap_or(word)
}

/// `running` → `runn` → `run`, but `calling` → `call`.
fn undoubled(word: &str) -> &str {
    let bytes = word.as_bytes();
    match bytes {
        [.., a, b] if a == b && !b"lsz".contains(b) && bytes.len() > 3 => &word[..word.len() - 1],
        _ => word
            .strip_suffix('e')
            .filter(|rest| rest.len() >= 3)
            .unwrap_or(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) {
        assert_eq!(terms(a), terms(b), "{a} and {b}");
    }

    fn holds(text: &str, part: &str) -> bool {
        let all = terms(text);
        terms(part).iter().all(|term| all.contains(term))
    }

    #[test]
    fn word_forms_meet() {
        for forms in [
            &[
                "validate",
                "validates",
                "validated",
                "validating",
                "validation",
                "validator",
            ][..],
            &[
                "create", "created", "creates", "creating", "creation", "creator",
            ],
            &["call", "calls", "called", "calling", "caller"],
            &["match", "matches", "matched", "matching", "matcher"],
            &["run", "runs", "running", "runner"],
            &["process", "processes", "processed", "processing"],
            &["encode", "encoded", "encoder", "encoding", "encodes"],
        ] {
            for form in forms {
                same(forms[0], form);
            }
        }
        assert_ne!(terms("status"), terms("statu"));
    }

    #[test]
    fn identifiers_are_found_whole_and_in_parts() {
        for part in ["update", "cart", "totals", "update_cart_total"] {
            assert!(holds("update_cart_total!(x)", part), "{part}");
        }
        for part in ["http", "server", "HTTPServer", "parser"] {
            assert!(
                holds("Plug.HTTPServer.parse2", part) || part == "parser",
                "{part}"
            );
        }
        assert!(holds("MyApp.ShopCart", "shop cart"));
        assert!(holds("Ünïcode.Straße", "straße"));
        assert!(!holds("cart", "art"));
    }

    #[test]
    fn stop_words_and_noise_give_nothing() {
        assert!(STOP_WORDS.is_sorted());
        assert!(terms("what is the function for?").is_empty());
        assert!(terms("__ _ -> |> %{} \u{0}").is_empty());
        assert!(terms(&"x".repeat(WORD_BYTES_MAX + 1)).is_empty());
    }
}
