//! Analysis (parse, chunks, calls) against bare tree-sitter parsing of the same bytes, both with two threads,
//! in turns: a noisy neighbour slows both halves of a round, and the ratio stays.

use crate::Bench;
use crate::corpus::{self, SourceFile};
use crate::distribution::median;
use crate::report::{Goal, Line, Report};
use anyhow::{Context as _, anyhow};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const AREA: &str = "analysis";
const THREADS: usize = 2;
const ROUNDS: usize = 9;
/// Deeply nested source makes deep recursion; the index gives its threads as much.
const STACK_BYTES: usize = 32 << 20;
const RATIO_MIN: f64 = 0.5;
const RATIO_AMBITION: f64 = 0.75;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut files = corpus::read(&bench.corpus)?;
    // the largest first, so that both threads end together
    files.sort_by_key(|file| std::cmp::Reverse(file.text.len()));
    let mb = corpus::bytes(&files) as f64 / 1e6;
    let (mut raw, mut full, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // whoever comes second finds warmer caches: they take turns
        let (parsed, analysed) = if round % 2 == 0 {
            let parsed = parse_all(&files)?;
            (parsed, analyse_all(&files)?)
        } else {
            let analysed = analyse_all(&files)?;
            (parse_all(&files)?, analysed)
        };
        raw.push(mb / parsed.as_secs_f64());
        full.push(mb / analysed.as_secs_f64());
        ratios.push(parsed.as_secs_f64() / analysed.as_secs_f64());
    }
    let spread = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = median(&ratios);
    let note = format!("median of {ROUNDS} rounds, lowest {spread:.2}; {THREADS} threads each");
    let what = "of raw parsing speed";
    report.add(
        Line::new(AREA, what, ratio, "×")
            .goal(Goal::at_least(RATIO_MIN))
            .note(note),
    );
    let ambition = Goal::at_least(RATIO_AMBITION).ambition();
    report.add(Line::new(AREA, format!("{what}, ambition"), ratio, "×").goal(ambition));
    let size = format!("{} files, {mb:.2} MB", files.len());
    report.add(Line::new(AREA, "parse, chunks and calls", median(&full), "MB/s").note(size));
    report.add(Line::new(
        AREA,
        "raw tree-sitter parsing",
        median(&raw),
        "MB/s",
    ));
    Ok(())
}

fn parse_all(files: &[SourceFile]) -> anyhow::Result<Duration> {
    let language = tree_sitter::Language::new(tree_sitter_elixir::LANGUAGE);
    timed_on_threads(files, || {
        let mut parser = tree_sitter::Parser::new();
        let fits = parser.set_language(&language);
        move |file: &SourceFile| {
            fits.as_ref().map_err(|error| anyhow!("{error}"))?;
            let tree = parser.parse(&file.text, None);
            black_box(&tree);
            tree.map(drop).context("a file was not parsed")
        }
    })
}

fn analyse_all(files: &[SourceFile]) -> anyhow::Result<Duration> {
    timed_on_threads(files, || {
        |file: &SourceFile| {
            black_box(aiex_analysis::analyze_file(&file.path, &file.text));
            Ok(())
        }
    })
}

/// Times one pass over all files; each thread makes its own worker and takes the next file when it is free.
fn timed_on_threads<W>(
    files: &[SourceFile],
    worker: impl Fn() -> W + Sync,
) -> anyhow::Result<Duration>
where
    W: FnMut(&SourceFile) -> anyhow::Result<()>,
{
    let next = AtomicUsize::new(0);
    let pass = || -> anyhow::Result<()> {
        let mut work = worker();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(file)?;
        }
        Ok(())
    };
    let started = Instant::now();
    thread::scope(|scope| {
        let threads = (0..THREADS).map(|number| {
            let builder = thread::Builder::new().name(format!("pass-{number}"));
            builder.stack_size(STACK_BYTES).spawn_scoped(scope, pass)
        });
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow!("a file made a pass panic"))??;
        }
        anyhow::Ok(())
    })?;
    Ok(started.elapsed())
}
