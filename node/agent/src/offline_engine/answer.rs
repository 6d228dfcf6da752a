//! A question without a model: what the code itself says about it.

use super::{IndexedSources, Next};
use aiex_analysis::{Chunk, offline_answer};
use aiex_context::ProjectIndex;

/// Pieces of code an answer is made from.
const HITS_MAX: usize = 12;

pub(super) fn next(index: &ProjectIndex, question: &str) -> Next {
    let hits: Vec<(Chunk, f32)> = index
        .search(question, HITS_MAX)
        .into_iter()
        .filter_map(|hit| {
            index
                .chunk(&hit.chunk_id)
                .map(|(chunk, _)| (chunk.clone(), hit.score))
        })
        .collect();
    Next::Answer(offline_answer(
        index.graph(),
        &IndexedSources(index),
        &hits,
        question,
    ))
}
