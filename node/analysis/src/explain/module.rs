//! A module, section by section.

use super::role::{self, one};
use super::surroundings::{callees, callers, effects, module_tests, plural};
use super::{Fact, Reader, Section, fact, first_line, first_line_of, first_paragraph, shortened};
use crate::chunk::{Chunk, ChunkKind, Doc, FunctionKind};
use crate::clause::clauses;
use crate::findings::{self, Finding};
use crate::module::{FileAnalysis, ModuleForm, ModuleInfo};
use crate::otp::{self, MessageKind, ModuleFacts};

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
            let article = if first.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'L']) && first != "LiveView" && first != "LiveView component" { "an" } else { "a" };
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
    format!("`{}` is {kind}: {} in {}.", info.name, parts.join(", "), plural(lines as usize, "line"))
}

pub(super) fn sections(reader: &Reader<'_>, info: &ModuleInfo, file: &FileAnalysis) -> Vec<Section> {
    let text = reader.sources.text(&file.path).unwrap_or_default();
    let all: Vec<&Chunk> = file.chunks.iter().filter(|c| c.module == info.name).collect();
    let functions = reader.graph.functions_of(&info.name);
    let public: Vec<&Chunk> = functions.iter().copied().filter(|c| is_interface(c)).collect();
    let private: Vec<&Chunk> = functions.iter().copied().filter(|c| is_private(c)).collect();
    let facts = otp::facts(file, &text).into_iter().find(|f| f.module == info.name).unwrap_or_default();
    let mut out = vec![Section { title: "What it is for".to_owned(), facts: vec![purpose(info, file, &text)] }];
    let mut add = |title: &str, facts: Vec<Fact>| {
        if !facts.is_empty() {
            out.push(Section { title: title.to_owned(), facts });
        }
    };
    add("Role", role::facts(reader.graph, info, file));
    let mut interface = shortened(public.iter().map(|c| interface_entry(reader, c, file, &text)).collect(), "functions");
    interface.extend(unlisted(&functions, &file.path));
    add("Public functions", interface);
    add("Process", process(&facts, &file.path));
    add("Supervision", supervision(&facts, &file.path));
    add("Routes", routes(&facts, &file.path));
    add("Schema", schema(&facts, &file.path));
    add("Types", types(info, &file.path));
    add("Private functions that matter", helpers(reader, &private, file, &text));
    let mut callable = public.clone();
    callable.extend(functions.iter().copied().filter(|c| !is_interface(c) && !is_private(c)));
    add("Used by", callers(reader, &info.name, &callable));
    add("Uses", callees(reader, &info.name, &file.path, &all));
    add("Side effects", effects(reader, &file.path, &all));
    let findings = findings::of_file(reader.graph, file, &text);
    add("What looks risky", risks(findings.into_iter().filter(|f| f.module == info.name)));
    if !is_test_file(file) {
        add("Tests", module_tests(reader, info, &file.path, &testable(&public, info)));
    }
    out
}

/// Public functions that are callbacks or hidden on purpose.
fn unlisted(functions: &[&Chunk], path: &str) -> Option<Fact> {
    let others: Vec<&&Chunk> = functions.iter().filter(|c| !is_interface(c) && !is_private(c)).collect();
    let first = others.first()?;
    let names: Vec<String> = others.iter().map(|c| format!("`{}/{}`", c.name, c.arity.1)).collect();
    Some(fact(format!("Callbacks and functions with `@doc false`: {}", role::listed(&names)), path, first_line_of(first)))
}

/// Findings as statements.
pub(super) fn risks(found: impl Iterator<Item = Finding>) -> Vec<Fact> {
    let facts = found.map(|finding| {
        let mut out = fact(format!("{} ({})", finding.message, finding.rule), &finding.path, finding.line);
        out.details.push(fact(format!("{}. Instead: {}.", finding.reason.trim_end_matches('.'), finding.fix.trim_end_matches('.')), &finding.path, finding.line));
        out
    });
    shortened(facts.collect(), "findings")
}

fn is_test_file(file: &FileAnalysis) -> bool {
    file.path.ends_with("_test.exs") || file.chunks.iter().any(|c| matches!(c.kind, ChunkKind::Test { .. }))
}

fn is_private(chunk: &Chunk) -> bool {
    matches!(&chunk.kind, ChunkKind::Function { function } if !function.is_public())
}

fn is_interface(chunk: &Chunk) -> bool {
    matches!(&chunk.kind, ChunkKind::Function { function } if function.is_public()) && chunk.doc != Doc::Hidden && chunk.implements.is_none()
}

fn testable<'c>(public: &[&'c Chunk], info: &ModuleInfo) -> Vec<&'c Chunk> {
    if info.form != ModuleForm::Module {
        return Vec::new();
    }
    public.to_vec()
}

fn purpose(info: &ModuleInfo, file: &FileAnalysis, text: &str) -> Fact {
    let start = info.span.start_line;
    let inside = text.lines().enumerate().skip(start as usize - 1);
    let inside = inside.take((info.span.end_line - start + 1) as usize);
    let line = inside.filter(|(_, l)| l.trim_start().starts_with("@moduledoc")).map(|(at, _)| at as u32 + 1).next();
    let line = line.unwrap_or(start);
    match &info.doc {
        Doc::Text(doc) => match first_paragraph(doc) {
            Some(paragraph) => fact(paragraph, &file.path, line),
            None => fact("Its `@moduledoc` has no prose.".to_owned(), &file.path, line),
        },
        Doc::Hidden => fact("`@moduledoc false`: it is internal and not documented.".to_owned(), &file.path, line),
        Doc::Missing => fact("It has no `@moduledoc`; its purpose is not written down.".to_owned(), &file.path, start),
    }
}

fn interface_entry(reader: &Reader<'_>, chunk: &Chunk, file: &FileAnalysis, text: &str) -> Fact {
    let clauses = clauses(chunk, text);
    let keyword = match &chunk.kind {
        ChunkKind::Function { function: FunctionKind::Def } => String::new(),
        ChunkKind::Function { function } => format!("{} ", function.keyword()),
        _ => String::new(),
    };
    let about = match &chunk.doc {
        Doc::Text(doc) => first_line(doc).map_or_else(|| "documented without prose".to_owned(), |line| line),
        _ => "no `@doc`".to_owned(),
    };
    let head = clauses.first().map_or_else(|| format!("{}/{}", chunk.name, chunk.arity.1), |c| c.head.clone());
    let line = clauses.first().map_or_else(|| first_line_of(chunk), |c| c.line);
    let mut out = fact(format!("`{keyword}{head}`: {about}"), &file.path, line);
    for spec in chunk.specs.iter().take(3) {
        out.details.push(fact(format!("`@spec {}`", one(spec)), &file.path, first_line_of(chunk)));
    }
    let calls = reader.graph.callers_of_chunk(&chunk.id);
    let outside: Vec<_> = calls.into_iter().filter(|e| e.call.from_module != chunk.module).collect();
    let in_tests = outside.iter().filter(|e| e.path.ends_with("_test.exs")).count();
    if let Some(first) = outside.iter().find(|e| !e.path.ends_with("_test.exs")).or(outside.first()) {
        let count = if outside.len() == 1 { "once".to_owned() } else { format!("{} times", outside.len()) };
        let tests = match in_tests {
            0 => String::new(),
            all if all == outside.len() => ", only in tests".to_owned(),
            some => format!(", {some} of them in tests"),
        };
        out.details.push(fact(format!("called {count} from other modules{tests}"), &first.path, first.call.line));
    }
    out
}

fn helpers(reader: &Reader<'_>, private: &[&Chunk], file: &FileAnalysis, text: &str) -> Vec<Fact> {
    let mut weighed: Vec<(usize, u32, &Chunk)> = private
        .iter()
        .map(|chunk| {
            let lines = chunk.spans.iter().map(|s| s.end_line - s.start_line + 1).sum();
            (reader.graph.callers_of_chunk(&chunk.id).len(), lines, *chunk)
        })
        .filter(|(calls, lines, _)| *calls >= 2 || *lines >= LONG_PRIVATE)
        .collect();
    weighed.sort_by_key(|(calls, lines, chunk)| (std::cmp::Reverse(*calls as u32 * 4 + lines), first_line_of(chunk)));
    let shown = weighed.into_iter().take(MAX_PRIVATE);
    shown
        .map(|(calls, lines, chunk)| {
            let clause = clauses(chunk, text).into_iter().next();
            let head = clause.as_ref().map_or_else(|| chunk.name.clone(), |c| c.head.clone());
            let line = clause.map_or_else(|| first_line_of(chunk), |c| c.line);
            let clauses = plural(usize::from(chunk.clauses), "clause");
            let lines = plural(lines as usize, "line");
            fact(format!("`{head}`: {clauses}, {lines}, called from {}", plural(calls, "place")), &file.path, line)
        })
        .collect()
}

fn process(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let mut out = Vec::new();
    if let Some((state, line)) = &facts.initial_state {
        out.push(fact(format!("It begins with the state `{state}`."), path, *line));
    }
    for name in &facts.registrations {
        out.push(fact(format!("It registers as `{}`.", name.name), path, name.line));
    }
    for message in &facts.messages {
        let kind = match message.kind {
            MessageKind::Call => "Answers the call",
            MessageKind::Cast => "Takes the cast",
            MessageKind::Info => "Takes the message",
            MessageKind::Continue => "Continues with",
            MessageKind::Event => "Handles the event",
        };
        let guard = message.guard.as_ref().map_or_else(String::new, |g| format!(" when `{g}`"));
        let rest = if message.catch_all { ", whatever it is" } else { "" };
        out.push(fact(format!("{kind} `{}`{guard}{rest}", message.pattern), path, message.line));
    }
    for sent in &facts.sent {
        out.push(fact(format!("`{}` sends `{}` to `{}` by `{}`", sent.from, sent.message, sent.to, sent.how), path, sent.line));
    }
    for table in &facts.tables {
        out.push(fact(format!("It creates the ETS table `{}` with `{}`", table.name, table.options), path, table.line));
    }
    shortened(out, "messages")
}

fn supervision(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let Some(tree) = &facts.supervision else { return Vec::new() };
    let strategy = tree.strategy.as_ref().map_or_else(|| "a strategy that is not written here".to_owned(), |s| format!("the strategy `{s}`"));
    let mut out = fact(format!("It supervises {} with {strategy}.", plural_children(tree.children.len())), path, tree.line);
    out.details = tree.children.iter().map(|child| fact(format!("`{}`", child.text), path, child.line)).collect();
    vec![out]
}

fn plural_children(count: usize) -> String {
    match count {
        0 => "no children that are written here".to_owned(),
        1 => "1 child".to_owned(),
        many => format!("{many} children"),
    }
}

fn routes(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let facts = facts.routes.iter().map(|route| {
        let handler = route.handler.as_ref().map_or_else(String::new, |h| format!(" → `{h}`"));
        let action = route.action.as_ref().map_or_else(String::new, |a| format!(" `{a}`"));
        fact(format!("`{} {}`{handler}{action}", route.verb.to_uppercase(), route.path), path, route.line)
    });
    shortened(facts.collect(), "routes")
}

fn schema(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let facts = facts.schemas.iter().map(|schema| {
        let source = schema.source.as_ref().map_or_else(|| "embedded, without a table".to_owned(), |s| format!("table `{s}`"));
        let mut out = fact(format!("Schema: {source}"), path, schema.line);
        let details = schema.fields.iter().map(|field| {
            let of = if field.of.is_empty() { String::new() } else { format!(": `{}`", field.of) };
            fact(format!("{} `{}`{of}", field.kind, field.name), path, field.line)
        });
        out.details = shortened(details.collect(), "fields");
        out
    });
    facts.collect()
}

fn types(info: &ModuleInfo, path: &str) -> Vec<Fact> {
    let public = info.types.iter().filter(|t| t.kind != "typep");
    let facts = public.map(|t| {
        let text = if t.text.contains("::") { one(&t.text) } else { one(&format!("{} :: {}", t.name, t.text)) };
        fact(format!("`@{} {text}`", t.kind), path, t.line)
    });
    shortened(facts.collect(), "types")
}
