//! Measures what a user or an operator feels, and prints each figure beside its goal. A missed goal is
//! told, never hidden; it fails the program only with `--strict`, as timing depends on the machine.

mod analysis_speed;
mod append;
mod args;
mod command_start;
mod corpus;
mod disk_probe;
mod distribution;
mod idle_node;
mod indexing;
mod machine;
mod node_process;
mod report;
mod resume;
mod retrieval;
mod session_node;
mod sync_counter;

use args::{Args, Measurement};
use clap::Parser as _;
use report::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What every measurement is given.
struct Bench {
    binaries: PathBuf,
    corpus: PathBuf,
    scratch: tempfile::TempDir,
}

impl Bench {
    /// A fresh folder that goes away with the run.
    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.scratch.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let bench = Bench {
        binaries: args.binaries.clone(),
        corpus: args.corpus.clone(),
        scratch: args.scratch_folder()?,
    };
    let started = Instant::now();
    let mut report = Report::new(machine::describe(bench.scratch.path()));
    for measurement in args.measurements() {
        progress(&format!("measuring {measurement} …"));
        if let Err(error) = run(measurement, &bench, &mut report) {
            report.fail(&measurement.to_string(), &format!("{error:#}"));
        }
    }
    report.finish(started.elapsed());
    show(&report.table());
    if let Some(file) = &args.json {
        write_json(&report, file)?;
    }
    let failed = report.failures() > 0 || (args.strict && report.missed_goals() > 0);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn run(measurement: Measurement, bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    match measurement {
        Measurement::Start => command_start::measure(bench, report),
        Measurement::Node => idle_node::measure(bench, report),
        Measurement::Append => append::measure(bench, report),
        Measurement::Resume => resume::measure(bench, report),
        Measurement::Analysis => analysis_speed::measure(bench, report),
        Measurement::Index => indexing::measure(bench, report),
        Measurement::Retrieval => retrieval::measure(bench, report),
    }
}

fn write_json(report: &Report, file: &Path) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    std::fs::write(file, text)?;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the report is the program's result")]
fn show(text: &str) {
    print!("{text}");
}

#[allow(clippy::print_stderr, reason = "tells a person what takes so long")]
fn progress(text: &str) {
    eprintln!("{text}");
}
