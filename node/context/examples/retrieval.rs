//! Measures retrieval on any Elixir checkout: `cargo run -p aiex-context --example retrieval -- PATH`.
//!
//! Questions are the first sentences of function docs; the index is made without any doc. Prints
//! how often the very function is found, and how long indexing and searching take.
#![allow(clippy::print_stdout, reason = "a report is all it does")]

use aiex_analysis::{ChunkKind, Doc, analyze_file};
use aiex_context::{Config, ManifestEntry, WorkspaceStore};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const WORDS_MIN: usize = 3;
const RANK_MAX: usize = 10;

struct Question {
    text: String,
    /// `Mod.name/` of the function that is meant, and its largest arity.
    title_start: String,
    arity: u8,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: retrieval PATH")?;
    let mut files = Vec::new();
    collect(Path::new(&root), &mut files)?;
    files.sort();
    let mut questions = Vec::new();
    let mut stripped = Vec::new();
    for path in &files {
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        let name = path.strip_prefix(&root)?.to_string_lossy().into_owned();
        questions_of(&name, &text, &mut questions);
        stripped.push((name, without_docs(&text)));
    }

    let folder = tempfile::tempdir()?;
    let store = WorkspaceStore::open(Config {
        dir: folder.path().into(),
        ..Config::default()
    })?;
    let id = upload(&store, &stripped)?;
    let started = Instant::now();
    let index = store.index(&id)?;
    let size = index.size();
    println!(
        "{} files, {} chunks, {} bytes",
        size.files, size.chunks, size.source_bytes
    );
    println!("index {:?}, {} bytes", started.elapsed(), size.index_bytes);

    let mut found = [0_usize; RANK_MAX];
    let mut times: Vec<Duration> = Vec::new();
    for question in &questions {
        let started = Instant::now();
        let hits = index.search(&question.text, RANK_MAX);
        times.push(started.elapsed());
        let rank = hits.iter().position(|hit| means(question, &hit.title));
        if let Some(rank) = rank {
            found[rank] += 1;
        }
    }
    report(&questions, &found, &mut times);
    Ok(())
}

fn report(questions: &[Question], found: &[usize], times: &mut [Duration]) {
    let count = questions.len().max(1) as f64;
    let reciprocal: f64 = found
        .iter()
        .enumerate()
        .map(|(rank, n)| *n as f64 / (rank + 1) as f64)
        .sum();
    let within = |ranks: usize| found[..ranks].iter().sum::<usize>() as f64 / count;
    println!(
        "{} questions: MRR@10 {:.3}, R@1 {:.3}, R@5 {:.3}, R@10 {:.3}",
        questions.len(),
        reciprocal / count,
        within(1),
        within(5),
        within(10)
    );
    times.sort();
    if let (Some(median), Some(worst)) = (
        times.get(times.len() / 2),
        times.get(times.len() * 99 / 100),
    ) {
        println!("search: median {median:?}, p99 {worst:?}");
    }
}

fn means(question: &Question, title: &str) -> bool {
    let arity = title.strip_prefix(&question.title_start);
    arity.is_some_and(|arity| arity.rsplit("..").next() == Some(&question.arity.to_string()))
}

fn questions_of(path: &str, text: &str, questions: &mut Vec<Question>) {
    for chunk in analyze_file(path, text).chunks {
        let public =
            matches!(&chunk.kind, ChunkKind::Function { function } if function.is_public());
        let Doc::Text(doc) = &chunk.doc else { continue };
        let paragraph: String = doc
            .trim()
            .lines()
            .take_while(|line| !line.trim().is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let sentence = paragraph
            .split(". ")
            .next()
            .unwrap_or_default()
            .trim_end_matches('.');
        let empty_talk =
            sentence.starts_with("See ") || sentence.starts_with("Callback implementation");
        if public && !empty_talk && sentence.split_whitespace().count() >= WORDS_MIN {
            questions.push(Question {
                text: sentence.to_owned(),
                title_start: format!("{}.{}/", chunk.module, chunk.name),
                arity: chunk.arity.1,
            });
        }
    }
}

/// Drops documentation attributes, heredocs included; all other lines stay.
fn without_docs(text: &str) -> String {
    let mut kept = String::new();
    let mut closing: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(end) = closing {
            closing = (!trimmed.starts_with(end)).then_some(end);
        } else if ["@doc ", "@moduledoc ", "@typedoc "]
            .iter()
            .any(|name| trimmed.starts_with(name))
        {
            let heredoc = ["\"\"\"", "'''"]
                .into_iter()
                .find(|mark| trimmed.trim_end().ends_with(mark));
            closing = heredoc;
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn upload(store: &WorkspaceStore, files: &[(String, String)]) -> Result<String, Box<dyn Error>> {
    let entries: Vec<ManifestEntry> = files
        .iter()
        .map(|(path, text)| ManifestEntry {
            path: path.clone(),
            hash: *blake3::hash(text.as_bytes()).as_bytes(),
            size_bytes: text.len() as u64,
        })
        .collect();
    let synced = store.sync("measured", &entries)?;
    for ((_, text), entry) in files.iter().zip(&entries) {
        store.put(&entry.hash, text.as_bytes())?;
    }
    Ok(synced.workspace_id)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            let name = entry.file_name();
            if !["deps", "_build", ".git", "test"]
                .iter()
                .any(|skipped| name == *skipped)
            {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "ex") {
            files.push(path);
        }
    }
    Ok(())
}
