//! A module, section by section.

use super::reach::module_tests;
use super::role::{self, one};
use super::run_time::{process, routes, schema, supervision, types};
use super::surroundings::{callees, callers, effects, plural};
use super::{Fact, Reader, Section, fact, first_line, first_line_of, first_paragraph, shortened};
use crate::chunk::{Chunk, ChunkKind, Doc, FunctionKind};
use crate::clause::clauses;
use crate::findings::{self, Finding};
use crate::module::{FileAnalysis, ModuleForm, ModuleInfo};
use crate::otp;

/// Private functions shown: those that carry most.
const MAX_PRIVATE: usize = 6;
/// A private function of this many lines is shown even if few call it.
const LONG_PRIVATE: u32 = 15;

/// `Shop.Cart` is a GenServer: 5 public functions …
pub(super) fn headline(reader: &Reader<'_>, info: &ModuleInfo, file: &FileAnalysis) -> String {
    let roles = role::names(info, file);
    let kind = match roles.as_slice() {
        [] => "a module".to_owned(),
        roles => {
            let first = roles.first().map_or("", String::as_str);
            let article = if first.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'L'])
                && first != "LiveView"
                && first != "LiveView component"
            {
                "an"
            } else {
                "a"
            };
            format!("{article} {}", roles.join(" and "))
        }
    };
    let (functions, macros, private) = role::counts(reader.graph, &info.name);
    let mut parts = vec![plural(functions, "public function")];
    if macros > 0 {
        parts.push(plural(macros, "public macro"));
    }
    if private > 0 {
        parts.push(format!("{private} private"));
    }
    let lines = info.span.end_line - info.span.start_line + 1;
    format!(
        "`{}` is {kind}: {} in {}.",
        info.name,
        parts.join(", "),
        plural(lines as usize, "line")
    )
}

pub(super) fn sections(
    reader: &Reader<'_>,
    info: &ModuleInfo,
    file: &FileAnalysis,
) -> Vec<Section> {
    let text = reader.sources.text(&file.path).unwrap_or_default();
    let all: Vec<&Chunk> = file
        .chunks
        .iter()
        .filter(|c| c.module == info.name)
        .collect();
    let functions = reader.graph.functions_of(&info.name);
    let public: Vec<&Chunk> = functions
        .iter()
        .copied()
        .filter(|c| is_interface(c))
        .collect();
    let private: Vec<&Chunk> = functions
        .iter()
        .copied()
        .filter(|c| is_private(c))
        .collect();
    let facts = otp::facts(file, &text)
        .into_iter()
        .find(|f| f.module == info.name)
        .unwrap_or_default();
    let mut interface: Vec<Fact> = public
        .iter()
        .map(|c| interface_entry(reader, c, file, &text))
        .collect();
    interface = shortened(interface, "functions");
    interface.extend(unlisted(&functions, &file.path));
    let callable: Vec<&Chunk> = functions
        .iter()
        .copied()
        .filter(|c| !is_private(c))
        .collect();
    let findings = findings::of_file(reader.graph, file, &text).into_iter();
    let tests = if is_test_file(file) || info.form != ModuleForm::Module {
        Vec::new()
    } else {
        module_tests(reader, info, &file.path, &public)
    };
    let parts = [
        ("What it is for", vec![purpose(info, file, &text)]),
        ("Role", role::facts(reader.graph, info, file)),
        ("Public functions", interface),
        ("Process", process(&facts, &file.path)),
        ("Supervision", supervision(&facts, &file.path)),
        ("Routes", routes(&facts, &file.path)),
        ("Schema", schema(&facts, &file.path)),
        ("Types", types(info, &file.path)),
        (
            "Private functions that matter",
            helpers(reader, &private, file, &text),
        ),
        ("Used by", callers(reader, &info.name, &callable)),
        ("Uses", callees(reader, &info.name, &file.path, &all)),
        ("Side effects", effects(reader, &file.path, &all)),
        (
            "What looks risky",
            risks(findings.filter(|f| f.module == info.name)),
        ),
        ("Tests", tests),
    ];
    let filled = parts.into_iter().filter(|(_, facts)| !facts.is_empty());
    filled
        .map(|(title, facts)| Section {
            title: title.to_owned(),
            facts,
        })
        .collect()
}

/// Public functions that are callbacks or hidden on purpose.
fn unlisted(functions: &[&Chunk], path: &str) -> Option<Fact> {
    let others: Vec<&&Chunk> = functions
        .iter()
        .filter(|c| !is_interface(c) && !is_private(c))
        .collect();
    let first = others.first()?;
    let names: Vec<String> = others
        .iter()
        .map(|c| format!("`{}/{}`", c.name, c.arity.1))
        .collect();
    Some(fact(
        format!(
            "Callbacks and functions with `@doc false`: {}",
            role::listed(&names)
        ),
        path,
        first_line_of(first),
    ))
}

/// Findings as statements.
pub(super) fn risks(found: impl Iterator<Item = Finding>) -> Vec<Fact> {
    let facts = found.map(|finding| {
        let mut out = fact(
            format!("{} ({})", finding.message, finding.rule),
            &finding.path,
            finding.line,
        );
        out.details.push(fact(
            format!(
                "{}. Instead: {}.",
                finding.reason.trim_end_matches('.'),
                finding.fix.trim_end_matches('.')
            ),
            &finding.path,
            finding.line,
        ));
        out
    });
    shortened(facts.collect(), "findings")
}

fn is_test_file(file: &FileAnalysis) -> bool {
    file.path.ends_with("_test.exs")
        || file
            .chunks
            .iter()
            .any(|c| matches!(c.kind, ChunkKind::Test { .. }))
}

fn is_private(chunk: &Chunk) -> bool {
    matches!(&chunk.kind, ChunkKind::Function { function } if !function.is_public())
}

fn is_interface(chunk: &Chunk) -> bool {
    matches!(&chunk.kind, ChunkKind::Function { function } if function.is_public())
        && chunk.doc != Doc::Hidden
        && chunk.implements.is_none()
}

fn purpose(info: &ModuleInfo, file: &FileAnalysis, text: &str) -> Fact {
    let start = info.span.start_line;
    let inside = text.lines().enumerate().skip(start as usize - 1);
    let inside = inside.take((info.span.end_line - start + 1) as usize);
    let line = inside
        .filter(|(_, l)| l.trim_start().starts_with("@moduledoc"))
        .map(|(at, _)| at as u32 + 1)
        .next();
    let line = line.unwrap_or(start);
    match &info.doc {
        Doc::Text(doc) => match first_paragraph(doc) {
            Some(paragraph) => fact(paragraph, &file.path, line),
            None => fact(
                "Its `@moduledoc` has no prose.".to_owned(),
                &file.path,
                line,
            ),
        },
        Doc::Hidden => fact(
            "`@moduledoc false`: it is internal and not documented.".to_owned(),
            &file.path,
            line,
        ),
        Doc::Missing => fact(
            "It has no `@moduledoc`; its purpose is not written down.".to_owned(),
            &file.path,
            start,
        ),
    }
}

fn interface_entry(reader: &Reader<'_>, chunk: &Chunk, file: &FileAnalysis, text: &str) -> Fact {
    let clauses = clauses(chunk, text);
    let keyword = match &chunk.kind {
        ChunkKind::Function {
            function: FunctionKind::Def,
        } => String::new(),
        ChunkKind::Function { function } => format!("{} ", function.keyword()),
        _ => String::new(),
    };
    let about = match &chunk.doc {
        Doc::Text(doc) => first_line(doc).unwrap_or_else(|| "documented without prose".to_owned()),
        _ => "no `@doc`".to_owned(),
    };
    let head = clauses.first().map_or_else(
        || format!("{}/{}", chunk.name, chunk.arity.1),
        |c| c.head.clone(),
    );
    let line = clauses
        .first()
        .map_or_else(|| first_line_of(chunk), |c| c.line);
    let mut out = fact(format!("`{keyword}{head}`: {about}"), &file.path, line);
    for spec in chunk.specs.iter().take(3) {
        out.details.push(fact(
            format!("`@spec {}`", one(spec)),
            &file.path,
            first_line_of(chunk),
        ));
    }
    let calls = reader.graph.callers_of_chunk(&chunk.id);
    let outside: Vec<_> = calls
        .into_iter()
        .filter(|e| e.call.from_module != chunk.module)
        .collect();
    let in_tests = outside
        .iter()
        .filter(|e| e.path.ends_with("_test.exs"))
        .count();
    if let Some(first) = outside
        .iter()
        .find(|e| !e.path.ends_with("_test.exs"))
        .or(outside.first())
    {
        let count = if outside.len() == 1 {
            "once".to_owned()
        } else {
            format!("{} times", outside.len())
        };
        let tests = match in_tests {
            0 => String::new(),
            all if all == outside.len() => ", only in tests".to_owned(),
            some => format!(", {some} of them in tests"),
        };
        out.details.push(fact(
            format!("called {count} from other modules{tests}"),
            &first.path,
            first.call.line,
        ));
    }
    out
}

fn helpers(reader: &Reader<'_>, private: &[&Chunk], file: &FileAnalysis, text: &str) -> Vec<Fact> {
    let mut weighed: Vec<(usize, u32, &Chunk)> = private
        .iter()
        .map(|chunk| {
            let lines = chunk
                .spans
                .iter()
                .map(|s| s.end_line - s.start_line + 1)
                .sum();
            (
                reader.graph.callers_of_chunk(&chunk.id).len(),
                lines,
                *chunk,
            )
        })
        .filter(|(calls, lines, _)| *calls >= 2 || *lines >= LONG_PRIVATE)
        .collect();
    weighed.sort_by_key(|(calls, lines, chunk)| {
        (
            std::cmp::Reverse(*calls as u32 * 4 + lines),
            first_line_of(chunk),
        )
    });
    let shown = weighed.into_iter().take(MAX_PRIVATE);
    shown
        .map(|(calls, lines, chunk)| {
            let clause = clauses(chunk, text).into_iter().next();
            let head = clause
                .as_ref()
                .map_or_else(|| chunk.name.clone(), |c| c.head.clone());
            let line = clause.map_or_else(|| first_line_of(chunk), |c| c.line);
            let clauses = plural(usize::from(chunk.clauses), "clause");
            let lines = plural(lines as usize, "line");
            fact(
                format!(
                    "`{head}`: {clauses}, {lines}, called from {}",
                    plural(calls, "place")
                ),
                &file.path,
                line,
            )
        })
        .collect()
}
