//! Where the test file goes and how it begins: mirrored path, the neighbours' case template.

use super::TestProposal;
use crate::graph::CodeGraph;
use crate::module::FileAnalysis;
use crate::module_gen::underscore;
use std::collections::BTreeMap;

/// What tests use when the neighbours say nothing else.
const DEFAULT_TEMPLATE: &str = "ExUnit.Case, async: true";

/// An empty proposal with path, module name and template.
pub(super) fn empty(graph: &CodeGraph, module: &str, file: &FileAnalysis) -> TestProposal {
    let mut stem = mirrored(module, file);
    let mut test_module = format!("{module}Test");
    let path_taken = graph.file(&format!("{stem}_test.exs")).is_some();
    if path_taken || graph.module(&test_module).is_some() {
        stem.push_str("_generated");
        test_module = format!("{module}GeneratedTest");
    }
    let path = format!("{stem}_test.exs");
    let template = template(graph, &path);
    TestProposal {
        module: module.to_owned(),
        path,
        test_module,
        template,
        tests: Vec::new(),
        calls: Vec::new(),
        skipped: Vec::new(),
    }
}

/// `apps/a/lib/x/y.ex` → `apps/a/test/x/y`; for a further module of the same file the path follows its name.
fn mirrored(module: &str, file: &FileAnalysis) -> String {
    let path = file
        .path
        .strip_suffix(".ex")
        .or_else(|| file.path.strip_suffix(".exs"))
        .unwrap_or(&file.path);
    let (application, below) = match path.rfind("/lib/") {
        Some(at) => (&path[..=at], &path[at + "/lib/".len()..]),
        None => match path.strip_prefix("lib/") {
            Some(below) => ("", below),
            None => ("", ""),
        },
    };
    let first = file.modules.first().is_some_and(|m| m.name == module);
    // `EEx` lives in eex.ex although its name underscores to e_ex, and not always as the file's first module
    let named_after = underscore(module).replace('_', "") == below.replace('_', "");
    let below = if (first || named_after) && !below.is_empty() {
        below.to_owned()
    } else {
        underscore(module)
    };
    format!("{application}test/{below}")
}

/// The template most test files of the same directory use, if it is the project's own.
fn template(graph: &CodeGraph, path: &str) -> String {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut files = 0usize;
    for file in graph.files().filter(|f| f.path.ends_with("_test.exs")) {
        if file.path.rsplit_once('/').map_or("", |(d, _)| d) != directory {
            continue;
        }
        files += 1;
        let first = file
            .modules
            .first()
            .and_then(|m| m.uses.iter().find(|u| u.module.ends_with("Case")));
        if let Some(used) = first {
            *counts
                .entry((used.module.clone(), used.options.trim().to_owned()))
                .or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    match most {
        Some(((module, options), count))
            if files >= 2 && count * 2 > files && module != "ExUnit.Case" =>
        {
            let plain = !options.is_empty() && !options.contains('\n') && options.len() < 60;
            if plain {
                format!("{module}, {options}")
            } else {
                module
            }
        }
        _ => DEFAULT_TEMPLATE.to_owned(),
    }
}
