//! The searchable form of one file: for each term, the chunks it is in and how much it weighs.
//!
//! A project's index is nothing but the list of these, so an edit replaces one of them, and the
//! statistics of ranking (document counts, lengths) are exact sums.

use crate::terms::{Term, for_each_term};
use aiex_analysis::{Chunk, ChunkKind, Doc, FileAnalysis};
use std::collections::HashMap;

const WEIGHT_NAME: f32 = 3.0;
const WEIGHT_MODULE: f32 = 2.0;
const WEIGHT_TEXT: f32 = 1.0;

/// One file's part of the inverted index. Immutable.
pub(crate) struct FilePostings {
    /// Sorted by term; each gives a range of `entries`.
    terms: Box<[(Term, u32)]>,
    entries: Box<[Entry]>,
    /// Weighted length of each chunk, by its place in the analysis.
    lengths: Box<[f32]>,
}

/// A term's weighted count in one chunk.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) chunk: u32,
    pub(crate) weight: f32,
}

impl FilePostings {
    /// Builds the postings of a file from its analysis and text.
    pub(crate) fn build(analysis: &FileAnalysis, text: &str) -> Self {
        let mut collected: Vec<(Term, Entry)> = Vec::new();
        let mut lengths = Vec::with_capacity(analysis.chunks.len());
        let mut counts: HashMap<Term, f32> = HashMap::new();
        for (place, chunk) in analysis.chunks.iter().enumerate() {
            counts.clear();
            count_chunk(&mut counts, chunk, &analysis.path, text);
            lengths.push(counts.values().sum());
            let chunk = place as u32;
            collected.extend(counts.iter().map(|(term, weight)| {
                (
                    *term,
                    Entry {
                        chunk,
                        weight: *weight,
                    },
                )
            }));
        }
        collected.sort_unstable_by_key(|(term, entry)| (*term, entry.chunk));
        let mut terms = Vec::new();
        for (at, (term, _)) in collected.iter().enumerate() {
            if terms.last().is_none_or(|(last, _)| last != term) {
                terms.push((*term, at as u32));
            }
        }
        Self {
            terms: terms.into(),
            entries: collected.into_iter().map(|(_, entry)| entry).collect(),
            lengths: lengths.into(),
        }
    }

    /// Gives the chunks that hold a term.
    pub(crate) fn of(&self, term: Term) -> &[Entry] {
        let Ok(at) = self.terms.binary_search_by_key(&term, |(term, _)| *term) else {
            return &[];
        };
        let start = self.terms[at].1 as usize;
        let end = self
            .terms
            .get(at + 1)
            .map_or(self.entries.len(), |(_, next)| *next as usize);
        &self.entries[start..end]
    }

    pub(crate) fn lengths(&self) -> &[f32] {
        &self.lengths
    }

    /// Gives the memory this takes, for cache weights and metrics.
    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.terms)
            + size_of_val(&*self.entries)
            + size_of_val(&*self.lengths)
    }
}

fn count_chunk(counts: &mut HashMap<Term, f32>, chunk: &Chunk, path: &str, text: &str) {
    let mut add = |text: &str, weight: f32| {
        for_each_term(text, |term| *counts.entry(term).or_default() += weight);
    };
    add(&chunk.name, WEIGHT_NAME);
    if let ChunkKind::Test { description } = &chunk.kind {
        add(description, WEIGHT_NAME);
    }
    add(&chunk.module, WEIGHT_MODULE);
    add(path, WEIGHT_TEXT);
    let mut has_doc = false;
    let doc = match &chunk.doc {
        Doc::Text(doc) => doc.as_str(),
        Doc::Missing | Doc::Hidden => "",
    };
    let first_line = doc.trim().lines().next().unwrap_or_default();
    for source in sources(chunk, text) {
        has_doc |= source.contains(first_line);
        add(source, WEIGHT_TEXT);
    }
    if !has_doc {
        add(doc, WEIGHT_TEXT);
    }
}

/// Gives the pieces of the file that make up a chunk; a span outside the text gives nothing.
pub(crate) fn sources<'t>(chunk: &Chunk, text: &'t str) -> impl Iterator<Item = &'t str> {
    chunk
        .spans
        .iter()
        .filter_map(move |span| text.get(span.start_byte as usize..span.end_byte as usize))
}
