//! Ranks chunks for a question: exact symbols first, then BM25, then what the graph adds.

use crate::postings::{Entry, FilePostings};
use crate::symbols::{Mention, mentions};
use crate::terms::{Term, terms};
use aiex_analysis::{Chunk, ChunkKind, CodeGraph, FileAnalysis};
use std::collections::HashMap;

/// Most hits of one search.
pub const HITS_MAX: usize = 200;

/// Term saturation and length normalisation. Fields are summed with weights, so counts are higher
/// than usual and saturate later. Chosen with `examples/retrieval.rs` on two projects (Elixir and
/// Absinthe: MRR@10 .389 → .422 and .230 → .255 against 1.2 and 0.75); stronger values gained a
/// little more on questions taken from docs, but nothing says that they help other questions.
const BM25_K1: f32 = 2.2;
const BM25_B: f32 = 0.9;
/// Share of the best call neighbour's score that a chunk gains.
const NEIGHBOUR_SHARE: f32 = 0.1;
/// How many of the best chunks hand a share to their neighbours.
const SPREADING_CHUNKS: usize = 40;
/// Tests repeat the words of what they test; they rank below it unless asked for.
const TEST_SHARE: f32 = 0.6;
/// Added for a name that stands in the question exactly; above any sum of BM25 terms.
const SYMBOL_BONUS: f32 = 1_000.0;
const QUERY_BYTES_MAX: usize = 16 << 10;
const QUERY_TERMS_MAX: usize = 256;

/// One file as the ranking sees it.
pub(crate) struct RankedFile<'a> {
    pub(crate) analysis: &'a FileAnalysis,
    pub(crate) postings: &'a FilePostings,
}

/// A chunk by file and place, with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) file: usize,
    pub(crate) chunk: usize,
    pub(crate) score: f32,
}

type Scores = HashMap<(usize, usize), f32>;

/// Gives the best chunks, best first; equal scores in the order of paths and places.
pub(crate) fn rank(
    files: &[RankedFile<'_>],
    graph: &CodeGraph,
    query: &str,
    limit: usize,
) -> Vec<Scored> {
    let query = &query[..query.floor_char_boundary(QUERY_BYTES_MAX)];
    let mut query_terms = terms(query);
    query_terms.truncate(QUERY_TERMS_MAX);
    let mut scores = bm25(files, &query_terms);
    if !asks_for_tests(&query_terms) {
        for ((file, chunk), score) in &mut scores {
            if is_test(
                &files[*file].analysis.chunks[*chunk],
                &files[*file].analysis.path,
            ) {
                *score *= TEST_SHARE;
            }
        }
    }
    spread(files, graph, &mut scores);
    add_symbols(files, &mentions(query), &mut scores);
    best(scores, limit.min(HITS_MAX))
}

fn bm25(files: &[RankedFile<'_>], query_terms: &[Term]) -> Scores {
    let chunks: usize = files.iter().map(|file| file.postings.lengths().len()).sum();
    let total: f32 = files.iter().flat_map(|file| file.postings.lengths()).sum();
    let mean_length = (total / chunks.max(1) as f32).max(1.0);

    let mut repeats: HashMap<Term, f32> = HashMap::new();
    for term in query_terms {
        *repeats.entry(*term).or_default() += 1.0;
    }
    let mut in_order: Vec<(Term, f32)> = repeats.into_iter().collect();
    // floats do not add up alike in another order, and the result must be the same everywhere
    in_order.sort_unstable_by_key(|(term, _)| *term);

    let mut scores = Scores::new();
    for (term, repeats) in in_order {
        let found: Vec<(usize, &[Entry])> = files
            .iter()
            .enumerate()
            .map(|(at, file)| (at, file.postings.of(term)))
            .filter(|(_, entries)| !entries.is_empty())
            .collect();
        let document_count: usize = found.iter().map(|(_, entries)| entries.len()).sum();
        let rarity = inverse_document_frequency(chunks, document_count) * repeats;
        for (file, entries) in found {
            for entry in entries {
                let length = files[file].postings.lengths()[entry.chunk as usize];
                let norm = BM25_K1 * (1.0 - BM25_B + BM25_B * length / mean_length);
                let gain = rarity * entry.weight * (BM25_K1 + 1.0) / (entry.weight + norm);
                *scores.entry((file, entry.chunk as usize)).or_default() += gain;
            }
        }
    }
    scores
}

fn inverse_document_frequency(chunks: usize, with_term: usize) -> f32 {
    let (all, with) = (chunks as f32, with_term as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// Callers and callees of good chunks are worth a look even when they use other words.
fn spread(files: &[RankedFile<'_>], graph: &CodeGraph, scores: &mut Scores) {
    let mut gains = Scores::new();
    for source in best(scores.clone(), SPREADING_CHUNKS) {
        let id = &files[source.file].analysis.chunks[source.chunk].id;
        let callees = graph
            .callees(id)
            .into_iter()
            .map(|edge| edge.to_chunk.as_str());
        let callers = graph
            .callers_of_chunk(id)
            .into_iter()
            .map(|edge| edge.call.from_chunk.as_str());
        for neighbour in callees.chain(callers) {
            let Some(place) = place_of(files, graph, neighbour) else {
                continue;
            };
            if place == (source.file, source.chunk) || is_test_at(files, place) {
                continue;
            }
            let gain = gains.entry(place).or_default();
            *gain = gain.max(source.score * NEIGHBOUR_SHARE);
        }
    }
    for (place, gain) in gains {
        *scores.entry(place).or_default() += gain;
    }
}

/// Files are in the order of their paths.
fn place_of(files: &[RankedFile<'_>], graph: &CodeGraph, chunk_id: &str) -> Option<(usize, usize)> {
    let (_, analysis) = graph.chunk(chunk_id)?;
    let file = files
        .binary_search_by(|file| file.analysis.path.cmp(&analysis.path))
        .ok()?;
    let place = files[file]
        .analysis
        .chunks
        .iter()
        .position(|chunk| chunk.id == chunk_id)?;
    Some((file, place))
}

fn add_symbols(files: &[RankedFile<'_>], mentions: &[Mention], scores: &mut Scores) {
    if mentions.is_empty() {
        return;
    }
    for (file, ranked) in files.iter().enumerate() {
        for (place, chunk) in ranked.analysis.chunks.iter().enumerate() {
            let closeness: f32 = mentions
                .iter()
                .map(|mention| mention.closeness(chunk))
                .sum();
            if closeness > 0.0 {
                *scores.entry((file, place)).or_default() += SYMBOL_BONUS * closeness;
            }
        }
    }
}

fn best(scores: Scores, limit: usize) -> Vec<Scored> {
    let mut ranked: Vec<Scored> = scores
        .into_iter()
        .filter(|(_, score)| *score > 0.0)
        .map(|((file, chunk), score)| Scored { file, chunk, score })
        .collect();
    ranked.sort_unstable_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then((a.file, a.chunk).cmp(&(b.file, b.chunk)))
    });
    ranked.truncate(limit);
    ranked
}

fn asks_for_tests(query_terms: &[Term]) -> bool {
    terms("test tests exunit spec")
        .iter()
        .any(|term| query_terms.contains(term))
}

fn is_test_at(files: &[RankedFile<'_>], (file, place): (usize, usize)) -> bool {
    is_test(
        &files[file].analysis.chunks[place],
        &files[file].analysis.path,
    )
}

fn is_test(chunk: &Chunk, path: &str) -> bool {
    matches!(chunk.kind, ChunkKind::Test { .. } | ChunkKind::TestSetup)
        || path.ends_with("_test.exs")
}
