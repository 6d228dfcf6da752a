//! `aiex analyze code PATH`: structure, metrics and findings, on this machine alone.

mod sources;
mod text;

use crate::args::AnalyzeCode;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_analysis::findings::{self, Finding};
use aiex_analysis::metrics::{ModuleMetrics, measure};
use aiex_analysis::{CodeGraph, FileAnalysis, ParserUsed, analyze_file, parse, syntax_errors};
use serde::Serialize;
use sources::Sources;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Files that do not parse and are named; the rest is counted.
const BROKEN_NAMED_MAX: usize = 5;

/// Everything the command found out; `--json` prints it as it is.
#[derive(Debug, Serialize)]
struct Report {
    totals: Totals,
    files: Vec<FileLine>,
    modules: Vec<ModuleMetrics>,
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats>,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    files: usize,
    size_bytes: u64,
    lines: u64,
    chunks: usize,
    modules: usize,
    functions: usize,
    calls: usize,
    findings: usize,
    /// Files read by the simpler scanner because they do not parse.
    broken_files: usize,
}

#[derive(Debug, Serialize)]
struct FileLine {
    path: String,
    size_bytes: u32,
    lines: u32,
    parser: ParserUsed,
    has_error: bool,
    modules: Vec<String>,
    chunks: usize,
}

/// How fast it went, beside plain parsing of the same texts with the same threads.
#[derive(Debug, Serialize)]
struct Stats {
    threads: usize,
    analysis_ms: f64,
    parse_ms: f64,
    analysis_mib_per_s: f64,
    parse_mib_per_s: f64,
    /// Throughput of the analysis as a share of that of parsing.
    ratio: f64,
    graph_ms: f64,
    metrics_and_findings_ms: f64,
}

pub(super) fn run(invocation: &Invocation, args: &AnalyzeCode) -> Result<Exit, Error> {
    let output = &invocation.output;
    output.progress("reading");
    let sources = Sources::read(&args.path, &invocation.environment.cwd)?;
    for skipped in &sources.skipped {
        output.warn(&format!("{} is left out: {}", skipped.path, skipped.reason));
    }
    output.progress(&format!("analysing {} files", sources.files.len()));
    let threads = args.threads.map_or_else(processors, usize::from);
    let (report, single_broken) = analyse(&sources, threads, args.stats);
    output.rest();
    tell_broken(invocation, &report, &sources);
    if args.findings {
        let only = serde_json::json!({"totals": report.totals, "findings": report.findings, "stats": report.stats});
        output.either(&only, |theme| text::findings_only(&report, theme))?;
    } else {
        output.either(&report, |theme| text::whole(&report, theme))?;
    }
    Ok(if single_broken && sources.is_single {
        Exit::VerificationFailed
    } else {
        Exit::Done
    })
}

/// The report, and whether any file does not parse.
fn analyse(sources: &Sources, threads: usize, with_stats: bool) -> (Report, bool) {
    let texts: Vec<(&String, &String)> = sources.files.iter().collect();
    let (files, analysis) = timed(|| {
        in_parallel(&texts, threads, |(path, text)| {
            Arc::new(analyze_file(path, text))
        })
    });
    let parsing = with_stats.then(|| {
        let parse_one = |(_, text): &(&String, &String)| parse(text).has_error();
        timed(|| in_parallel(&texts, threads, parse_one)).1
    });
    let (graph, building) = timed(|| CodeGraph::build(&files));
    let ((modules, findings), judging) = timed(|| {
        (
            measure(&graph, &sources.files),
            findings::of_project(&graph, &sources.files),
        )
    });
    let totals = Totals {
        files: files.len(),
        size_bytes: files.iter().map(|file| u64::from(file.size_bytes)).sum(),
        lines: files.iter().map(|file| u64::from(file.lines)).sum(),
        chunks: files.iter().map(|file| file.chunks.len()).sum(),
        modules: modules.len(),
        functions: modules.iter().map(|module| module.functions.len()).sum(),
        calls: files.iter().map(|file| file.calls.len()).sum(),
        findings: findings.len(),
        broken_files: files.iter().filter(|file| file.has_error).count(),
    };
    let stats = parsing.map(|parsing| {
        stats(
            totals.size_bytes,
            threads,
            [analysis, parsing, building, judging],
        )
    });
    let broken = totals.broken_files > 0;
    let files = files.iter().map(|file| file_line(file)).collect();
    (
        Report {
            totals,
            files,
            modules,
            findings,
            stats,
        },
        broken,
    )
}

fn stats(size_bytes: u64, threads: usize, times: [Duration; 4]) -> Stats {
    let [analysis, parsing, building, judging] = times;
    let ms = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
    let speed = |time: Duration| {
        let mib = size_bytes as f64 / f64::from(1 << 20);
        (mib / time.as_secs_f64().max(1e-9) * 1e2).round() / 1e2
    };
    let ratio = parsing.as_secs_f64() / analysis.as_secs_f64().max(1e-9);
    Stats {
        threads,
        analysis_ms: ms(analysis),
        parse_ms: ms(parsing),
        analysis_mib_per_s: speed(analysis),
        parse_mib_per_s: speed(parsing),
        ratio: (ratio * 1e3).round() / 1e3,
        graph_ms: ms(building),
        metrics_and_findings_ms: ms(judging),
    }
}

fn file_line(file: &FileAnalysis) -> FileLine {
    FileLine {
        path: file.path.clone(),
        size_bytes: file.size_bytes,
        lines: file.lines,
        parser: file.parser,
        has_error: file.has_error,
        modules: file
            .modules
            .iter()
            .map(|module| module.name.clone())
            .collect(),
        chunks: file.chunks.len(),
    }
}

/// Names where files do not parse: what follows about them comes from the simpler scanner.
fn tell_broken(invocation: &Invocation, report: &Report, sources: &Sources) {
    let output = &invocation.output;
    let broken: Vec<&FileLine> = report.files.iter().filter(|file| file.has_error).collect();
    for file in broken.iter().take(BROKEN_NAMED_MAX) {
        let text = sources.files.get(&file.path).map_or("", String::as_str);
        let place = syntax_errors(text)
            .first()
            .map_or_else(String::new, |error| {
                format!(":{}:{}: {}", error.line, error.column, error.message)
            });
        output.warn(&format!("does not parse: {}{place}", file.path));
    }
    if broken.len() > BROKEN_NAMED_MAX {
        output.warn(&format!(
            "{} more files do not parse",
            broken.len() - BROKEN_NAMED_MAX
        ));
    }
    if !broken.is_empty() {
        output.note("hint: fix the first place named; what is said about these files comes from a simpler scanner");
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed())
}

/// Runs `work` over all items; the results keep the order of the items.
fn in_parallel<I: Sync, O: Send>(
    items: &[I],
    threads: usize,
    work: impl Fn(&I) -> O + Sync,
) -> Vec<O> {
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        while let Some((place, item)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            items.get(place).map(|item| (place, item))
        } {
            done.push((place, work(item)));
        }
        done
    };
    let mut all: Vec<(usize, O)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.clamp(1, items.len().max(1)))
            .map(|_| scope.spawn(share))
            .collect();
        let mut all = share();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests;
