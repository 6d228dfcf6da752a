//! A function clause by clause, or a test.

use super::module::risks;
use super::reach::function_tests;
use super::role::one;
use super::surroundings::{callees, callers, effects, plural};
use super::{
    Explanation, Fact, Reader, Section, at, fact, first_line_of, first_paragraph, shortened,
};
use crate::chunk::{Chunk, ChunkKind, Doc, FunctionKind};
use crate::clause::{Clause, clauses};
use crate::findings;
use crate::graph::Resolution;
use crate::module::{CallForm, FileAnalysis};
use crate::test_gen::doctest_examples;

/// Examples quoted from the documentation.
const MAX_EXAMPLES: usize = 3;

pub(super) fn headline(chunk: &Chunk, arity: u8) -> String {
    let kind = match &chunk.kind {
        ChunkKind::Function { function } => match function {
            FunctionKind::Def => "a public function",
            FunctionKind::Defp => "a private function",
            FunctionKind::Defmacro => "a public macro",
            FunctionKind::Defmacrop => "a private macro",
            FunctionKind::Defguard => "a public guard",
            FunctionKind::Defguardp => "a private guard",
            FunctionKind::Defdelegate => "a delegate",
        },
        _ => "a definition",
    };
    let range = if chunk.arity.0 == chunk.arity.1 {
        String::new()
    } else {
        format!(
            ", callable with {} to {} arguments",
            chunk.arity.0, chunk.arity.1
        )
    };
    format!(
        "`{}.{}/{arity}` is {kind} of {}{range}.",
        chunk.module,
        chunk.name,
        plural(usize::from(chunk.clauses), "clause")
    )
}

pub(super) fn sections(
    reader: &Reader<'_>,
    chunk: &Chunk,
    file: &FileAnalysis,
    arity: u8,
) -> Vec<Section> {
    let text = reader.sources.text(&file.path).unwrap_or_default();
    let clauses = clauses(chunk, &text);
    let path = file.path.as_str();
    let mut out = Vec::new();
    let mut add = |title: &str, facts: Vec<Fact>| {
        if !facts.is_empty() {
            out.push(Section {
                title: title.to_owned(),
                facts,
            });
        }
    };
    add("What it is for", purpose(reader, chunk, path));
    add("Clauses", clauses.iter().map(|c| clause(c, path)).collect());
    add("Raises", raises(&clauses, path));
    add("Examples in its documentation", examples(chunk, path));
    add("Called by", own_callers(reader, chunk));
    let mut calls = local_callees(reader, chunk, path);
    calls.extend(callees(reader, &chunk.module, path, &[chunk]));
    add("Calls", calls);
    add("Side effects", effects(reader, path, &[chunk]));
    let findings = findings::of_file(reader.graph, file, &text).into_iter();
    let own = |line: u32| {
        chunk
            .spans
            .iter()
            .any(|s| (s.start_line..=s.end_line).contains(&line))
    };
    add("What looks risky", risks(findings.filter(|f| own(f.line))));
    add("Tests", function_tests(reader, chunk, path, arity));
    out
}

fn purpose(reader: &Reader<'_>, chunk: &Chunk, path: &str) -> Vec<Fact> {
    let line = first_line_of(chunk);
    let mut out = Vec::new();
    match &chunk.doc {
        Doc::Text(doc) => out.extend(first_paragraph(doc).map(|p| fact(p, path, line))),
        Doc::Hidden => out.push(fact("`@doc false`: it is internal.".to_owned(), path, line)),
        Doc::Missing
            if matches!(&chunk.kind, ChunkKind::Function { function } if function.is_public())
                && chunk.implements.is_none() =>
        {
            out.push(fact("It has no `@doc`.".to_owned(), path, line));
        }
        Doc::Missing => {}
    }
    if let Some(behaviour) = &chunk.implements {
        let whose = if behaviour == "true" {
            "a behaviour of its module".to_owned()
        } else {
            format!("`{behaviour}`")
        };
        out.push(fact(
            format!("It is a callback of {whose}, marked with `@impl`."),
            path,
            line,
        ));
    }
    out.extend(
        chunk
            .specs
            .iter()
            .map(|spec| fact(format!("`@spec {}`", one(spec)), path, line)),
    );
    for edge in reader
        .graph
        .callees(&chunk.id)
        .into_iter()
        .filter(|e| e.resolution == Resolution::Delegate)
    {
        out.push(fact(
            format!(
                "It passes its arguments on to `{}.{}/{}`.",
                edge.to_module, edge.call.function, edge.call.arity
            ),
            path,
            edge.call.line,
        ));
    }
    out
}

fn clause(clause: &Clause, path: &str) -> Fact {
    let guard = clause
        .guard
        .as_ref()
        .map_or_else(String::new, |g| format!(" when `{g}`"));
    let mut out = fact(format!("`{}`{guard}", clause.head), path, clause.line);
    let results: Vec<String> = clause.results.iter().map(|r| format!("`{r}`")).collect();
    match results.as_slice() {
        [] if clause.raises.is_empty() => {}
        [] => out.details.push(fact(
            "has no branch that gives a value".to_owned(),
            path,
            clause.line,
        )),
        [one] => out
            .details
            .push(fact(format!("gives {one}"), path, clause.line)),
        many => out.details.push(fact(
            format!("gives one of {}", many.join(", ")),
            path,
            clause.line,
        )),
    }
    let defaults: Vec<String> = clause
        .parameters
        .iter()
        .filter_map(|p| {
            Some(format!(
                "`{}` is `{}`",
                p.name.as_deref().unwrap_or(&p.text),
                p.default.as_ref()?
            ))
        })
        .collect();
    if !defaults.is_empty() {
        out.details.push(fact(
            format!("by default {}", defaults.join(", ")),
            path,
            clause.line,
        ));
    }
    out
}

fn raises(clauses: &[Clause], path: &str) -> Vec<Fact> {
    clauses
        .iter()
        .flat_map(|c| &c.raises)
        .map(|(what, line)| fact(format!("`{what}`"), path, *line))
        .collect()
}

fn examples(chunk: &Chunk, path: &str) -> Vec<Fact> {
    let Doc::Text(doc) = &chunk.doc else {
        return Vec::new();
    };
    let line = first_line_of(chunk);
    doctest_examples(doc)
        .into_iter()
        .take(MAX_EXAMPLES)
        .map(|e| {
            let shown = if e.expected.is_empty() {
                String::new()
            } else {
                format!(" gives `{}`", one(&e.expected))
            };
            fact(
                format!("`{}`{shown}", one(&e.expression)),
                path,
                line + 1 + e.line as u32,
            )
        })
        .collect()
}

/// Callers one by one when they are in the same module, else by module.
fn own_callers(reader: &Reader<'_>, chunk: &Chunk) -> Vec<Fact> {
    let local = reader
        .graph
        .callers_of_chunk(&chunk.id)
        .into_iter()
        .filter(|e| e.call.from_module == chunk.module);
    let facts = local.filter_map(|edge| {
        let (from, _) = reader.graph.chunk(&edge.call.from_chunk)?;
        let how = match edge.call.form {
            CallForm::Capture => " (as a capture)",
            CallForm::ModuleFunctionArgs => " (by module, function, arguments)",
            _ if from.id == chunk.id => " (itself)",
            _ => "",
        };
        Some(fact(
            format!("`{}/{}`{how}", from.name, from.arity.1),
            &edge.path,
            edge.call.line,
        ))
    });
    let mut out = shortened(facts.collect(), "calls");
    out.extend(callers(reader, &chunk.module, &[chunk]));
    out
}

fn local_callees(reader: &Reader<'_>, chunk: &Chunk, path: &str) -> Vec<Fact> {
    let mut names: Vec<(String, u32)> = Vec::new();
    for edge in reader.graph.callees(&chunk.id) {
        if edge.to_module == chunk.module && edge.to_chunk != chunk.id {
            let name = format!("`{}/{}`", edge.call.function, edge.call.arity);
            if !names.iter().any(|(known, _)| *known == name) {
                names.push((name, edge.call.line));
            }
        }
    }
    names
        .into_iter()
        .map(|(name, line)| fact(format!("{name} of its own module"), path, line))
        .collect()
}

/// A test: what it calls.
pub(super) fn test(reader: &Reader<'_>, chunk: &Chunk, file: &FileAnalysis) -> Explanation {
    let name = match &chunk.kind {
        ChunkKind::Test { description } => description.clone(),
        _ => chunk.name.clone(),
    };
    let line = first_line_of(chunk);
    let calls = callees(reader, &chunk.module, &file.path, &[chunk]);
    let sections = if calls.is_empty() {
        Vec::new()
    } else {
        vec![Section {
            title: "Calls".to_owned(),
            facts: calls,
        }]
    };
    Explanation {
        subject: format!("{}:{line}", file.path),
        headline: format!("The test \"{name}\" of `{}`.", chunk.module),
        evidence: vec![at(&file.path, line)],
        sections,
    }
}
