//! Who calls, what is called, what it does to the world, which tests reach it.

use super::role::listed;
use super::{Evidence, Fact, Reader, at, shortened};
use crate::chunk::Chunk;
use crate::effect::{Effect, of_local, of_remote};
use crate::graph::{Edge, Resolution};
use crate::module::Call;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// Most functions followed for effects behind calls.
const MAX_FOLLOWED: usize = 300;
/// Calls between a function and an effect that is still told of it.
const MAX_DISTANCE: usize = 3;
/// Places quoted for one statement.
pub(super) const MAX_PLACES: usize = 3;

/// Callers of a set of chunks from outside their module, grouped by module, most calls first.
pub(super) fn callers(reader: &Reader<'_>, module: &str, chunks: &[&Chunk]) -> Vec<Fact> {
    let mut by_module: BTreeMap<String, Vec<&Edge>> = BTreeMap::new();
    for chunk in chunks {
        for edge in reader.graph.callers_of_chunk(&chunk.id) {
            if edge.call.from_module != module && edge.resolution != Resolution::Use {
                let from = if edge.call.from_module.is_empty() {
                    edge.path.clone()
                } else {
                    edge.call.from_module.clone()
                };
                by_module.entry(from).or_default().push(edge);
            }
        }
    }
    let mut groups: Vec<(String, Vec<&Edge>)> = by_module.into_iter().collect();
    groups.sort_by(|(a, left), (b, right)| right.len().cmp(&left.len()).then_with(|| a.cmp(b)));
    let facts = groups.into_iter().map(|(from, edges)| {
        let mut names: Vec<String> = Vec::new();
        for edge in &edges {
            let name = format!("`{}/{}`", edge.call.function, edge.call.arity);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Fact {
            text: format!("`{from}`: {} of {}", times(edges.len()), listed(&names)),
            evidence: places(&edges),
            details: Vec::new(),
        }
    });
    shortened(facts.collect(), "modules")
}

fn places(edges: &[&Edge]) -> Vec<Evidence> {
    distinct(edges.iter().map(|e| at(&e.path, e.call.line)))
}

/// The first few places, each once.
fn distinct(all: impl Iterator<Item = Evidence>) -> Vec<Evidence> {
    let mut out: Vec<Evidence> = Vec::new();
    for place in all {
        if !out.contains(&place) && out.len() < MAX_PLACES {
            out.push(place);
        }
    }
    out
}

fn times(count: usize) -> String {
    if count == 1 {
        "1 call".to_owned()
    } else {
        format!("{count} calls")
    }
}

/// What chunks call outside their module: project modules first, then others.
pub(super) fn callees(
    reader: &Reader<'_>,
    module: &str,
    path: &str,
    chunks: &[&Chunk],
) -> Vec<Fact> {
    let mut by_module: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for chunk in chunks {
        for call in reader.graph.calls_in(&chunk.id) {
            if let Some(target) = call
                .module
                .as_deref()
                .filter(|m| *m != module && *m != "Kernel" && !m.is_empty())
            {
                by_module.entry(target).or_default().push(call);
            }
        }
    }
    let mut groups: Vec<(&str, Vec<&Call>)> = by_module.into_iter().collect();
    let in_project = |name: &str| reader.graph.module(name).is_some();
    groups.sort_by(|(a, left), (b, right)| {
        in_project(b)
            .cmp(&in_project(a))
            .then_with(|| right.len().cmp(&left.len()))
            .then_with(|| a.cmp(b))
    });
    let facts = groups.into_iter().map(|(target, calls)| {
        let mut names: Vec<String> = Vec::new();
        for call in &calls {
            let name = format!("`{}/{}`", call.function, call.arity);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if calls
            .iter()
            .all(|c| c.function == "exception" && c.name_start_byte == c.name_end_byte)
        {
            let evidence = distinct(calls.iter().map(|c| at(path, c.line)));
            return Fact {
                text: format!("raises `{target}` in {}", plural(calls.len(), "place")),
                evidence,
                details: Vec::new(),
            };
        }
        let here = if in_project(target) {
            ""
        } else {
            " (outside the project)"
        };
        let evidence = distinct(calls.iter().map(|c| at(path, c.line)));
        Fact {
            text: format!(
                "`{target}`{here}: {} of {}",
                times(calls.len()),
                listed(&names)
            ),
            evidence,
            details: Vec::new(),
        }
    });
    shortened(facts.collect(), "modules")
}

fn effect_of(call: &Call) -> Option<Effect> {
    match &call.module {
        Some(module) => of_remote(module, &call.function),
        None => of_local(&call.function),
    }
}

/// Effects written in the chunks themselves, then those behind their calls into other functions of the project.
pub(super) fn effects(reader: &Reader<'_>, path: &str, chunks: &[&Chunk]) -> Vec<Fact> {
    let mut own: BTreeMap<Effect, (Vec<String>, Vec<Evidence>)> = BTreeMap::new();
    for chunk in chunks {
        let calls = reader.graph.calls_in(&chunk.id);
        for call in calls
            .into_iter()
            .filter(|c| c.module.as_ref() != Some(&chunk.module))
        {
            if let Some(effect) = effect_of(call) {
                let (names, places) = own.entry(effect).or_default();
                let name = format!("`{}`", name_of(call));
                if !names.contains(&name) {
                    names.push(name);
                }
                places.push(at(path, call.line));
            }
        }
    }
    let known: HashSet<&'static str> = own.keys().map(|effect| effect.words()).collect();
    let mut facts: Vec<Fact> = own
        .into_iter()
        .map(|(effect, (names, mut places))| {
            places.sort();
            let text = format!("{} by {}", capital(effect.words()), listed(&names));
            Fact {
                text,
                evidence: distinct(places.into_iter()),
                details: Vec::new(),
            }
        })
        .collect();
    facts.extend(
        indirect(reader, chunks)
            .into_iter()
            .filter(|(effect, _)| !known.contains(effect.words()))
            .map(|(_, fact)| fact),
    );
    shortened(facts, "effects")
}

fn name_of(call: &Call) -> String {
    match &call.module {
        Some(module) => format!("{module}.{}/{}", call.function, call.arity),
        None => format!("{}/{}", call.function, call.arity),
    }
}

fn indirect(reader: &Reader<'_>, chunks: &[&Chunk]) -> Vec<(Effect, Fact)> {
    let mut seen: HashSet<&str> = chunks.iter().map(|c| c.id.as_str()).collect();
    let mut queue: VecDeque<(&str, Option<&Edge>, usize)> =
        chunks.iter().map(|c| (c.id.as_str(), None, 0)).collect();
    let mut found: BTreeMap<Effect, Fact> = BTreeMap::new();
    while let Some((id, first, distance)) = queue.pop_front() {
        if distance >= MAX_DISTANCE {
            continue;
        }
        for edge in reader.graph.callees(id) {
            // Which implementation of a protocol is met depends on the value: nothing is said of those.
            if edge.resolution == Resolution::Protocol {
                continue;
            }
            let first = first.unwrap_or(edge);
            if seen.len() >= MAX_FOLLOWED || !seen.insert(&edge.to_chunk) {
                continue;
            }
            queue.push_back((&edge.to_chunk, Some(first), distance + 1));
            let Some((_, file)) = reader.graph.chunk(&edge.to_chunk) else {
                continue;
            };
            for call in reader.graph.calls_in(&edge.to_chunk) {
                let Some(effect) = effect_of(call) else {
                    continue;
                };
                found.entry(effect).or_insert_with(|| Fact {
                    text: format!(
                        "May, behind its call of `{2}.{3}`: {0} by `{1}`",
                        effect.words(),
                        name_of(call),
                        first.to_module,
                        first.call.function
                    ),
                    evidence: vec![at(&first.path, first.call.line), at(&file.path, call.line)],
                    details: Vec::new(),
                });
            }
        }
    }
    found.into_iter().collect()
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |c| {
        c.to_uppercase().collect::<String>() + chars.as_str()
    })
}

/// `3 tests`, `1 test`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
