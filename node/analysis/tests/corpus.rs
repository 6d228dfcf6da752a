//! The whole Elixir source: every file is chunked, nearly every chunk is whole, damage costs little.
//!
//! Needs `AIEX_CORPUS`, a directory of Elixir sources; `make test` sets it.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test suite that prints what it measures"
)]

use aiex_analysis::{Chunk, ChunkKind, CodeGraph, FileAnalysis, analyze_file, syntax_errors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "corpus/damage.rs"]
mod damage;

/// Share of chunks whose own text must parse.
const MIN_WHOLE: f64 = 0.99;

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where this suite learns its corpus"
)]
fn corpus_root() -> PathBuf {
    let root = std::env::var("AIEX_CORPUS").unwrap_or_default();
    assert!(
        !root.is_empty(),
        "set AIEX_CORPUS to a directory of Elixir sources, or run `make test`, which does"
    );
    PathBuf::from(root)
}

/// Reads every Elixir file below the corpus, in the order of the paths.
pub fn sources() -> Vec<(String, String)> {
    let root = corpus_root();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(
        !paths.is_empty(),
        "no .ex or .exs file below {}",
        root.display()
    );
    let read = |path: PathBuf| {
        let text = String::from_utf8_lossy(&std::fs::read(&path).ok()?).into_owned();
        Some((path.strip_prefix(&root).ok()?.display().to_string(), text))
    };
    paths.into_iter().filter_map(read).collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, paths);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "ex" || extension == "exs")
        {
            paths.push(path);
        }
    }
}

fn chunk_text(chunk: &Chunk, text: &str) -> String {
    let parts: Vec<&str> = chunk
        .spans
        .iter()
        .map(|span| &text[span.start_byte as usize..span.end_byte as usize])
        .collect();
    let joined = parts.join("\n");
    // A header is the beginning of its module.
    if chunk.kind == ChunkKind::ModuleHeader {
        format!("{joined}\nend")
    } else {
        joined
    }
}

fn is_blank(text: &str) -> bool {
    text.lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

fn check_file(file: &FileAnalysis, text: &str) -> (usize, usize) {
    assert!(
        !file.chunks.is_empty() || is_blank(text),
        "{} has no chunk",
        file.path
    );
    let mut ids: Vec<&str> = file.chunks.iter().map(|chunk| chunk.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), file.chunks.len(), "{} repeats an id", file.path);
    for call in &file.calls {
        let written = &text[call.name_start_byte as usize..call.name_end_byte as usize];
        assert!(
            written.is_empty() || written == call.function,
            "{}: {call:?} stands on {written:?}",
            file.path
        );
    }
    let mut whole = 0;
    for chunk in &file.chunks {
        assert!(!chunk.spans.is_empty(), "{} has no span", chunk.id);
        let broken = !syntax_errors(&chunk_text(chunk, text)).is_empty();
        if broken && !file.has_error {
            println!("not whole: {} {:?}", chunk.id, chunk.spans);
        }
        whole += usize::from(!broken);
    }
    (whole, file.chunks.len())
}

#[test]
fn every_file_is_chunked_and_chunks_are_whole() {
    let sources = sources();
    let (mut whole, mut all, mut broken) = (0, 0, 0);
    let mut files = Vec::new();
    for (path, text) in &sources {
        let file = analyze_file(path, text);
        let (good, chunks) = check_file(&file, text);
        whole += good;
        all += chunks;
        broken += usize::from(file.has_error);
        files.push(Arc::new(file));
    }
    let share = whole as f64 / all.max(1) as f64;
    println!(
        "{} files ({broken} do not parse), {all} chunks, {share:.4} whole",
        sources.len()
    );
    assert!(
        share >= MIN_WHOLE,
        "only {share:.4} of the chunks are whole"
    );
    let started = Instant::now();
    let graph = CodeGraph::build(&files);
    let functions: usize = graph
        .modules()
        .map(|(module, _)| graph.functions_of(&module.name).len())
        .sum();
    println!(
        "graph: {} modules, {functions} functions, {} edges in {:?}",
        graph.modules().count(),
        graph.edges().len(),
        started.elapsed()
    );
    assert!(
        graph.edges().len() > functions / 2,
        "hardly any call was resolved"
    );
}

#[test]
fn throughput_is_near_that_of_the_parser() {
    let sources = sources();
    let bytes: usize = sources.iter().map(|(_, text)| text.len()).sum();
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_elixir::LANGUAGE.into())
        .expect("the grammar fits");
    let (mut raw, mut analysis) = (Duration::ZERO, Duration::ZERO);
    let mut calls = 0;
    // File by file, so that a busy moment of the machine hits both.
    for (path, text) in &sources {
        let started = Instant::now();
        let tree = parser.parse(text, None).expect("a tree");
        raw += started.elapsed();
        drop(tree);
        let started = Instant::now();
        let file = analyze_file(path, text);
        analysis += started.elapsed();
        calls += file.calls.len();
    }
    let speed = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    let ratio = raw.as_secs_f64() / analysis.as_secs_f64();
    println!(
        "raw parse {:.1} MB/s, analysis {:.1} MB/s, ratio {ratio:.2}, {calls} calls",
        speed(raw),
        speed(analysis)
    );
    // An unoptimised build measures the build; the bound is for the optimised one.
    let bound = if cfg!(debug_assertions) { 0.05 } else { 0.5 };
    assert!(
        ratio >= bound,
        "analysis runs at {ratio:.2} of the parser's speed"
    );
}

#[test]
fn findings_are_rare_and_none_contradicts_the_compiler() {
    let sources: BTreeMap<String, String> = sources().into_iter().collect();
    let files: Vec<Arc<FileAnalysis>> = sources
        .iter()
        .map(|(path, text)| Arc::new(analyze_file(path, text)))
        .collect();
    let graph = CodeGraph::build(&files);
    let findings = aiex_analysis::findings::of_project(&graph, &sources);
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &findings {
        *by_rule.entry(&finding.rule).or_default() += 1;
        println!(
            "{}:{} {} {}",
            finding.path, finding.line, finding.rule, finding.message
        );
    }
    println!("{by_rule:?}");
    let lines: u32 = files.iter().map(|file| file.lines).sum();
    assert!(
        findings.len() < lines as usize / 200,
        "{} findings in {lines} lines",
        findings.len()
    );
    // This library compiles without warnings: it has no unused private function.
    let unused = findings
        .iter()
        .filter(|finding| finding.rule == "unused_private" && finding.path.contains("/lib/"));
    assert_eq!(unused.count(), 0);
}
