//! Which tests reach a module or a function.

use super::role::listed;
use super::surroundings::{MAX_PLACES, plural};
use super::{Fact, Reader, at, fact, shortened};
use crate::chunk::{Chunk, ChunkKind, Doc};
use crate::module::ModuleInfo;
use std::collections::{BTreeMap, HashSet};

/// Tests listed one by one for a function.
const MAX_TESTS: usize = 12;

/// Test files that reach a module, and public functions that no test reaches.
pub(super) fn module_tests(
    reader: &Reader<'_>,
    info: &ModuleInfo,
    path: &str,
    public: &[&Chunk],
) -> Vec<Fact> {
    let mut files: BTreeMap<&str, (HashSet<&str>, u32)> = BTreeMap::new();
    let mut far: HashSet<&str> = HashSet::new();
    let mut far_place = None;
    let mut unreached = Vec::new();
    for chunk in public {
        let reaches = reader
            .graph
            .tests_reaching(&info.name, &chunk.name, chunk.arity.1);
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
            let entry = files
                .entry(reach.path)
                .or_insert_with(|| (HashSet::new(), line));
            entry.0.insert(&reach.test.id);
        }
    }
    let near: HashSet<&str> = files
        .values()
        .flat_map(|(tests, _)| tests.iter().copied())
        .collect();
    let mut files: Vec<(&str, (HashSet<&str>, u32))> = files.into_iter().collect();
    files.sort_by(|(a, (left, _)), (b, (right, _))| {
        right.len().cmp(&left.len()).then_with(|| a.cmp(b))
    });
    let direct = files.into_iter().map(|(path, (tests, line))| {
        let count = if tests.len() == 1 {
            "1 test calls".to_owned()
        } else {
            format!("{} tests call", tests.len())
        };
        fact(format!("`{path}`: {count} it"), path, line)
    });
    let mut facts = shortened(direct.collect(), "files");
    let further = far.difference(&near).count();
    if let (Some(place), true) = (far_place, further > 0) {
        let count = if further == 1 {
            "1 further test may reach".to_owned()
        } else {
            format!("{further} further tests may reach")
        };
        facts.push(Fact {
            text: format!("{count} it through other functions"),
            evidence: vec![place],
            details: Vec::new(),
        });
    }
    facts.extend(untested(&unreached, path));
    facts
}

/// Public functions no test reaches.
fn untested(unreached: &[&Chunk], path: &str) -> Option<Fact> {
    if unreached.is_empty() {
        return None;
    }
    let names: Vec<String> = unreached
        .iter()
        .map(|c| format!("`{}/{}`", c.name, c.arity.1))
        .collect();
    let places = unreached
        .iter()
        .take(MAX_PLACES)
        .map(|c| at(path, super::first_line_of(c)));
    Some(Fact {
        text: format!(
            "No test in the index calls, directly or through other functions: {}",
            listed(&names)
        ),
        evidence: places.collect(),
        details: Vec::new(),
    })
}

/// Tests that reach one function.
pub(super) fn function_tests(
    reader: &Reader<'_>,
    chunk: &Chunk,
    path: &str,
    arity: u8,
) -> Vec<Fact> {
    let reaches = reader
        .graph
        .tests_reaching(&chunk.module, &chunk.name, arity);
    if reaches.is_empty() {
        return vec![fact(
            "No test in the index reaches it by calls that can be seen in the text.".to_owned(),
            path,
            super::first_line_of(chunk),
        )];
    }
    let rest = reaches.len().saturating_sub(MAX_TESTS);
    let facts = reaches.into_iter().take(MAX_TESTS + 1).map(|reach| {
        let name = match &reach.test.kind {
            ChunkKind::Test { description } => description.as_str(),
            _ => reach.test.name.as_str(),
        };
        let how = if reach.distance == 1 {
            "directly".to_owned()
        } else {
            format!("over {} calls", reach.distance)
        };
        fact(
            format!("{name} ({how})"),
            reach.path,
            super::first_line_of(reach.test),
        )
    });
    let mut facts: Vec<Fact> = facts.collect();
    if let (Some(last), true) = (facts.get_mut(MAX_TESTS), rest > 0) {
        last.text = format!("… and {} more", plural(rest, "test"));
    }
    facts
}
