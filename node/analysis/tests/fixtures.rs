//! Whole fixture files to readable facts, under snapshot.

#![allow(clippy::expect_used, reason = "a test suite")]

use aiex_analysis::{Chunk, ChunkKind, Doc, FileAnalysis, ModuleInfo, analyze_file};
use std::fmt::Write as _;

/// Renders an analysis in a form a person can review line by line.
fn describe(file: &FileAnalysis) -> String {
    let mut out = format!(
        "{} lines {:?} error={}\n",
        file.lines, file.parser, file.has_error
    );
    file.modules
        .iter()
        .for_each(|module| describe_module(module, &mut out));
    file.chunks
        .iter()
        .for_each(|chunk| describe_chunk(chunk, &mut out));
    for call in &file.calls {
        let from = call.from_chunk.rsplit('#').next().unwrap_or_default();
        let module = call
            .module
            .as_deref()
            .map(|module| format!("{module}."))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "{:>3} {module}{}/{} {:?} <- {from}",
            call.line, call.function, call.arity, call.form
        );
    }
    out
}

fn describe_module(module: &ModuleInfo, out: &mut String) {
    let span = module.span;
    let _ = writeln!(
        out,
        "module {} {:?} {}-{} doc={}",
        module.name,
        module.form,
        span.start_line,
        span.end_line,
        doc(&module.doc)
    );
    for used in &module.uses {
        let _ = writeln!(out, "  use {} {}", used.module, used.options);
    }
    for import in &module.imports {
        let _ = writeln!(out, "  import {} {}", import.module, import.options);
    }
    for alias in &module.aliases {
        let _ = writeln!(out, "  alias {} = {}", alias.short, alias.full);
    }
    for attribute in &module.attributes {
        let _ = writeln!(out, "  @{} {}", attribute.name, attribute.value);
    }
    if let Some(fields) = &module.struct_fields {
        let fields: Vec<String> = fields
            .iter()
            .map(|field| format!("{}={}", field.name, field.default))
            .collect();
        let _ = writeln!(out, "  struct {}", fields.join(" "));
    }
    for item in module.types.iter().chain(&module.callbacks) {
        let _ = writeln!(out, "  {} {}/{}", item.kind, item.name, item.arity);
    }
}

fn describe_chunk(chunk: &Chunk, out: &mut String) {
    let spans: Vec<String> = chunk
        .spans
        .iter()
        .map(|span| format!("{}-{}", span.start_line, span.end_line))
        .collect();
    let kind = match &chunk.kind {
        ChunkKind::Function { function } => function.keyword().to_owned(),
        other => format!("{other:?}"),
    };
    let _ = writeln!(
        out,
        "{kind} {}.{} {:?} x{} [{}] doc={} specs={:?} impl={:?}",
        chunk.module,
        chunk.name,
        chunk.arity,
        chunk.clauses,
        spans.join(" "),
        doc(&chunk.doc),
        chunk.specs,
        chunk.implements
    );
}

fn doc(doc: &Doc) -> &str {
    match doc {
        Doc::Missing => "-",
        Doc::Hidden => "hidden",
        Doc::Text(text) => text.lines().next().unwrap_or_default(),
    }
}

fn check(name: &str) {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is readable");
    let analysis = analyze_file(name, &text);
    for call in &analysis.calls {
        let written = &text[call.name_start_byte as usize..call.name_end_byte as usize];
        assert!(
            written.is_empty() || written == call.function,
            "{call:?} stands on {written:?}"
        );
    }
    insta::assert_snapshot!(name, describe(&analysis));
}

#[test]
fn modules_functions_and_calls() {
    check("cart.ex");
}

#[test]
fn tests_and_their_setups() {
    check("store_test.exs");
}

#[test]
fn protocols_and_nesting() {
    check("size.ex");
}

#[test]
fn scripts_and_configuration() {
    check("config.exs");
}

#[test]
fn schemas_and_routers() {
    check("schema.ex");
}
