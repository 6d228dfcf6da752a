//! Searching: how long it takes on the whole corpus, and whether it finds what is meant.
//!
//! Questions are the first paragraphs of function docs. Times come from an index of everything; what is found is
//! judged on an index of the sources without tests and without any doc, so that no question is its own answer.

use crate::Bench;
use crate::corpus::{self, SourceFile};
use crate::distribution::Distribution;
use crate::indexing;
use crate::report::{Goal, Line, Report};
use aiex_analysis::{Chunk, ChunkKind, Doc, analyze_file};
use aiex_context::ProjectIndex;
use anyhow::ensure;
use std::hint::black_box;
use std::time::Instant;

const AREA: &str = "retrieval";
const QUESTIONS_MAX: usize = 600;
const WORDS_MIN: usize = 4;
const RANK_MAX: usize = 10;
/// Ambitions, in milliseconds, and for the found ones.
const P50_MS: f64 = 3.0;
const P95_MS: f64 = 30.0;
const MEAN_RECIPROCAL_RANK: f64 = 0.52;

struct Question {
    text: String,
    /// How hits are called, up to the arity.
    title_start: String,
    arity: u8,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let files = corpus::read(&bench.corpus)?;
    let questions = questions(&files);
    ensure!(
        !questions.is_empty(),
        "the corpus has no documented function"
    );
    let whole = indexing::index_of(&bench.folder("retrieval-whole")?, &files)?;
    let times = time(&whole, &questions)?;
    let size = whole.size();
    let note = format!("{} chunks, {} questions", size.chunks, questions.len());
    let p50 = Line::millis(AREA, "search, p50", times.median());
    report.add(p50.goal(Goal::at_most(P50_MS).ambition()).note(note));
    let p95 = Line::millis(AREA, "search, p95", times.percentile(95.0));
    report.add(p95.goal(Goal::at_most(P95_MS).ambition()));
    report.add(Line::millis(AREA, "search, slowest", times.max()));
    drop(whole);

    let undocumented: Vec<SourceFile> = files
        .iter()
        .filter(|file| is_product(&file.path))
        .map(|file| SourceFile {
            path: file.path.clone(),
            text: without_docs(&file.text),
        })
        .collect();
    let index = indexing::index_of(&bench.folder("retrieval-undocumented")?, &undocumented)?;
    let ranks: Vec<Option<usize>> = questions.iter().map(|q| rank(&index, q)).collect();
    let count = ranks.len() as f64;
    let reciprocal: f64 = ranks
        .iter()
        .flatten()
        .map(|rank| 1.0 / (rank + 1) as f64)
        .sum();
    let found = ranks.iter().flatten().count() as f64;
    let note = format!(
        "docs are not in this index; {:.0} % among the first {RANK_MAX}",
        100.0 * found / count
    );
    let line = Line::new(AREA, "doc → function, MRR@10", reciprocal / count, "");
    report.add(
        line.goal(Goal::at_least(MEAN_RECIPROCAL_RANK).ambition())
            .note(note),
    );
    Ok(())
}

fn time(index: &ProjectIndex, questions: &[Question]) -> anyhow::Result<Distribution> {
    let mut times = Distribution::new()?;
    // the first pass warms caches up
    for question in questions.iter().step_by(10) {
        black_box(index.search(&question.text, RANK_MAX));
    }
    for question in questions {
        let started = Instant::now();
        black_box(index.search(&question.text, RANK_MAX));
        times.record(started.elapsed());
    }
    Ok(times)
}

fn rank(index: &ProjectIndex, question: &Question) -> Option<usize> {
    let hits = index.search(&question.text, RANK_MAX);
    hits.iter().position(|hit| {
        let arity = hit.title.strip_prefix(&question.title_start);
        // a range of arities ends with the full one
        let full = arity.and_then(|arity| arity.rsplit("..").next());
        full.is_some_and(|full| full == question.arity.to_string())
    })
}

/// Questions for public functions, evenly thinned out to at most [`QUESTIONS_MAX`].
fn questions(files: &[SourceFile]) -> Vec<Question> {
    let mut all: Vec<Question> = files
        .iter()
        .filter(|file| is_product(&file.path))
        .flat_map(|file| analyze_file(&file.path, &file.text).chunks)
        .filter_map(|chunk| question(&chunk))
        .collect();
    let step = all.len().div_ceil(QUESTIONS_MAX).max(1);
    let mut at = 0;
    all.retain(|_| {
        at += 1;
        at % step == 0
    });
    all
}

fn question(chunk: &Chunk) -> Option<Question> {
    let ChunkKind::Function { function } = &chunk.kind else {
        return None;
    };
    let Doc::Text(doc) = &chunk.doc else {
        return None;
    };
    let lines = doc
        .trim()
        .lines()
        .take_while(|line| !line.trim().is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let says_nothing = text.starts_with("See ") || text.starts_with("Callback implementation");
    let usable =
        function.is_public() && !says_nothing && text.split_whitespace().count() >= WORDS_MIN;
    usable.then(|| Question {
        text,
        title_start: format!("{}.{}/", chunk.module, chunk.name),
        arity: chunk.arity.1,
    })
}

fn is_product(path: &str) -> bool {
    path.ends_with(".ex") && !path.split('/').any(|folder| folder == "test")
}

/// Drops documentation attributes, heredocs included; all other lines stay.
fn without_docs(text: &str) -> String {
    const ATTRIBUTES: [&str; 3] = ["@doc ", "@moduledoc ", "@typedoc "];
    const HEREDOCS: [&str; 2] = ["\"\"\"", "'''"];
    let mut kept = String::with_capacity(text.len());
    let mut inside: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(end) = inside {
            inside = (!trimmed.starts_with(end)).then_some(end);
        } else if ATTRIBUTES.iter().any(|name| trimmed.starts_with(name)) {
            inside = HEREDOCS.into_iter().find(|mark| trimmed.ends_with(mark));
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "defmodule A do\n  @moduledoc false\n  @doc \"\"\"\n  Adds two numbers together.\n\n  More.\n  \"\"\"\n  def add(a, b), do: a + b\nend\n";

    #[test]
    fn a_question_is_the_first_paragraph_and_its_index_does_not_hold_it() {
        let file = SourceFile {
            path: "lib/a.ex".to_owned(),
            text: SOURCE.to_owned(),
        };
        let asked = questions(&[file]);
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].text, "Adds two numbers together.");
        assert_eq!(
            (asked[0].title_start.as_str(), asked[0].arity),
            ("A.add/", 2)
        );
        assert_eq!(
            without_docs(SOURCE),
            "defmodule A do\n  def add(a, b), do: a + b\nend\n"
        );
        assert!(!is_product("lib/a/test/a_test.exs") && !is_product("test/support/b.ex"));
    }
}
