//! Whether a function can be called in a test without harm, as far as its static calls tell.

use crate::effect::{Effect, of_local, of_remote};
use crate::graph::{CodeGraph, Resolution};
use std::collections::{HashSet, VecDeque};

/// Most functions followed from one.
const MAX_FOLLOWED: usize = 400;

/// Why a function is not called, or only called with care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing known stands against a call.
    Calm,
    /// May give another result next time: no value is recorded.
    Unstable,
    /// Not called at all.
    Refused(String),
}

/// Judges a function by everything it reaches within the project.
pub(super) fn judge(graph: &CodeGraph, chunk_id: &str) -> Verdict {
    let mut verdict = Verdict::Calm;
    let mut seen = HashSet::from([chunk_id]);
    let mut queue = VecDeque::from([chunk_id]);
    while let Some(id) = queue.pop_front() {
        for call in graph.calls_in(id) {
            let effect = match &call.module {
                Some(module) => of_remote(module, &call.function),
                None => of_local(&call.function),
            };
            match effect {
                Some(Effect::Writes(words) | Effect::Depends(words)) => {
                    let name = call.module.as_ref().map_or_else(
                        || call.function.clone(),
                        |m| format!("{m}.{}", call.function),
                    );
                    return Verdict::Refused(format!("{words} ({name}, line {})", call.line));
                }
                Some(Effect::Reads(_)) => verdict = Verdict::Unstable,
                Some(Effect::Prints(_)) | None => {}
            }
        }
        for edge in graph.callees(id) {
            // A protocol's implementations are not all met by the inputs made here.
            if edge.resolution == Resolution::Protocol {
                continue;
            }
            if seen.len() < MAX_FOLLOWED && seen.insert(&edge.to_chunk) {
                queue.push_back(&edge.to_chunk);
            }
        }
    }
    verdict
}
