//! Who calls, what is called, what it does to the world, which tests reach it.

use super::role::listed;
use super::{Evidence, Fact, Reader, at, fact, shortened};
use crate::chunk::{Chunk, ChunkKind, Doc};
use crate::effect::{Effect, of_local, of_remote};
use crate::graph::{Edge, Resolution};
use crate::module::{Call, ModuleInfo};
use std::collections::{BTreeMap, HashSet, VecDeque};

/// Most functions followed for effects behind calls.
const MAX_FOLLOWED: usize = 300;
/// Calls between a function and an effect that is still told of it.
const MAX_DISTANCE: usize = 3;
/// Tests listed one by one for a function.
const MAX_TESTS: usize = 12;
/// Places quoted for one statement.
const MAX_PLACES: usize = 3;

/// Callers of a set of chunks from outside their module, grouped by module, most calls first.
pub(super) fn callers(reader: &Reader<'_>, module: &str, chunks: &[&Chunk]) -> Vec<Fact> {
    let mut by_module: BTreeMap<String, Vec<&Edge>> = BTreeMap::new();
    for chunk in chunks {
        for edge in reader.graph.callers_of_chunk(&chunk.id) {
            if edge.call.from_module != module && edge.resolution != Resolution::Use {
                let from = if edge.call.from_module.is_empty() { edge.path.clone() } else { edge.call.from_module.clone() };
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
        Fact { text: format!("`{from}`: {} of {}", times(edges.len()), listed(&names)), evidence: places(&edges), details: Vec::new() }
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
    if count == 1 { "1 call".to_owned() } else { format!("{count} calls") }
}

/// What chunks call outside their module: project modules first, then others.
pub(super) fn callees(reader: &Reader<'_>, module: &str, path: &str, chunks: &[&Chunk]) -> Vec<Fact> {
    let mut by_module: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for chunk in chunks {
        for call in reader.graph.calls_in(&chunk.id) {
            if let Some(target) = call.module.as_deref().filter(|m| *m != module && *m != "Kernel" && !m.is_empty()) {
                by_module.entry(target).or_default().push(call);
            }
        }
    }
    let mut groups: Vec<(&str, Vec<&Call>)> = by_module.into_iter().collect();
    let in_project = |name: &str| reader.graph.module(name).is_some();
    groups.sort_by(|(a, left), (b, right)| {
        in_project(b).cmp(&in_project(a)).then_with(|| right.len().cmp(&left.len())).then_with(|| a.cmp(b))
    });
    let facts = groups.into_iter().map(|(target, calls)| {
        let mut names: Vec<String> = Vec::new();
        for call in &calls {
            let name = format!("`{}/{}`", call.function, call.arity);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if calls.iter().all(|c| c.function == "exception" && c.name_start_byte == c.name_end_byte) {
            let evidence = distinct(calls.iter().map(|c| at(path, c.line)));
            return Fact { text: format!("raises `{target}` in {}", plural(calls.len(), "place")), evidence, details: Vec::new() };
        }
        let here = if in_project(target) { "" } else { " (outside the project)" };
        let evidence = distinct(calls.iter().map(|c| at(path, c.line)));
        Fact { text: format!("`{target}`{here}: {} of {}", times(calls.len()), listed(&names)), evidence, details: Vec::new() }
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
        for call in calls.into_iter().filter(|c| c.module.as_ref() != Some(&chunk.module)) {
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
            Fact { text, evidence: distinct(places.into_iter()), details: Vec::new() }
        })
        .collect();
    facts.extend(indirect(reader, chunks).into_iter().filter(|(effect, _)| !known.contains(effect.words())).map(|(_, fact)| fact));
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
    let mut queue: VecDeque<(&str, Option<&Edge>, usize)> = chunks.iter().map(|c| (c.id.as_str(), None, 0)).collect();
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
            let Some((_, file)) = reader.graph.chunk(&edge.to_chunk) else { continue };
            for call in reader.graph.calls_in(&edge.to_chunk) {
                let Some(effect) = effect_of(call) else { continue };
                found.entry(effect).or_insert_with(|| Fact {
                    text: format!("May, behind its call of `{2}.{3}`: {0} by `{1}`", effect.words(), name_of(call), first.to_module, first.call.function),
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
    chars.next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + chars.as_str())
}

/// Test files that reach a module, and public functions that no test reaches.
pub(super) fn module_tests(reader: &Reader<'_>, info: &ModuleInfo, path: &str, public: &[&Chunk]) -> Vec<Fact> {
    let mut files: BTreeMap<&str, (HashSet<&str>, u32)> = BTreeMap::new();
    let mut far: HashSet<&str> = HashSet::new();
    let mut far_place = None;
    let mut unreached = Vec::new();
    for chunk in public {
        let reaches = reader.graph.tests_reaching(&info.name, &chunk.name, chunk.arity.1);
        if reaches.is_empty() && chunk.doc != Doc::Hidden {
            unreached.push(*chunk);
        }
        for reach in reaches {
            let line = super::first_line_of(reach.test);
            if reach.distance > 1 {
                far.insert(&reach.test.id);
                far_place.get_or_insert_with(|| at(reach.path, line));
                continue;
            }
            let entry = files.entry(reach.path).or_insert_with(|| (HashSet::new(), line));
            entry.0.insert(&reach.test.id);
        }
    }
    let near: HashSet<&str> = files.values().flat_map(|(tests, _)| tests.iter().copied()).collect();
    let mut files: Vec<(&str, (HashSet<&str>, u32))> = files.into_iter().collect();
    files.sort_by(|(a, (left, _)), (b, (right, _))| right.len().cmp(&left.len()).then_with(|| a.cmp(b)));
    let direct = files.into_iter().map(|(path, (tests, line))| {
        let count = if tests.len() == 1 { "1 test calls".to_owned() } else { format!("{} tests call", tests.len()) };
        fact(format!("`{path}`: {count} it"), path, line)
    });
    let mut facts = shortened(direct.collect(), "files");
    let further = far.difference(&near).count();
    if let (Some(place), true) = (far_place, further > 0) {
        let count = if further == 1 { "1 further test may reach".to_owned() } else { format!("{further} further tests may reach") };
        facts.push(Fact { text: format!("{count} it through other functions"), evidence: vec![place], details: Vec::new() });
    }
    if !unreached.is_empty() {
        let names: Vec<String> = unreached.iter().map(|c| format!("`{}/{}`", c.name, c.arity.1)).collect();
        let evidence = unreached.iter().take(MAX_PLACES).map(|c| at(path, super::first_line_of(c))).collect();
        let text = format!("No test in the index calls, directly or through other functions: {}", listed(&names));
        facts.push(Fact { text, evidence, details: Vec::new() });
    }
    facts
}

/// Tests that reach one function.
pub(super) fn function_tests(reader: &Reader<'_>, chunk: &Chunk, path: &str, arity: u8) -> Vec<Fact> {
    let reaches = reader.graph.tests_reaching(&chunk.module, &chunk.name, arity);
    if reaches.is_empty() {
        return vec![fact("No test in the index reaches it by calls that can be seen in the text.".to_owned(), path, super::first_line_of(chunk))];
    }
    let rest = reaches.len().saturating_sub(MAX_TESTS);
    let facts = reaches.into_iter().take(MAX_TESTS + 1).map(|reach| {
        let name = match &reach.test.kind {
            ChunkKind::Test { description } => description.as_str(),
            _ => reach.test.name.as_str(),
        };
        let how = if reach.distance == 1 { "directly".to_owned() } else { format!("over {} calls", reach.distance) };
        fact(format!("{name} ({how})"), reach.path, super::first_line_of(reach.test))
    });
    let mut facts: Vec<Fact> = facts.collect();
    if let (Some(last), true) = (facts.get_mut(MAX_TESTS), rest > 0) {
        last.text = format!("… and {} more", plural(rest, "test"));
    }
    facts
}

/// `3 tests`, `1 test`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
