//! The start of the terminal program: what a person waits for before anything happens.

use crate::Bench;
use crate::distribution::Distribution;
use crate::report::{Goal, Line, Report};
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const AREA: &str = "cli";
const RUNS: usize = 20;
const START_MS: f64 = 30.0;
const BINARY_MB: f64 = 25.0;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let home = bench.folder("cli-home")?;
    let program = bench.binaries.join("aiex");
    let mut bare = Distribution::new()?;
    let (mut version, mut help) = (Distribution::new()?, Distribution::new()?);
    for _ in 0..RUNS {
        // in turns, so that all three meet the same machine
        run(Path::new("/bin/true"), &[], &home, &mut bare)?;
        run(&program, &["--version"], &home, &mut version)?;
        run(&program, &["--help"], &home, &mut help)?;
    }
    let goal = Goal::at_most(START_MS);
    let bare = format!(
        "starting /bin/true takes {:.1} ms",
        bare.median().as_secs_f64() * 1e3
    );
    for (name, times) in [("aiex --version", version), ("aiex --help", help)] {
        let line = Line::millis(AREA, format!("{name}, median of {RUNS}"), times.median());
        report.add(line.goal(goal).note(bare.clone()));
    }
    for (name, goal) in [
        ("aiex", Some(Goal::at_most(BINARY_MB))),
        ("aiex-node", None),
    ] {
        let path = bench.binaries.join(name);
        let size = std::fs::metadata(&path).with_context(|| format!("no {}", path.display()))?;
        let line = Line::new(
            AREA,
            format!("size of {name}"),
            size.len() as f64 / 1e6,
            "MB",
        );
        report.add(match goal {
            Some(goal) => line.goal(goal),
            None => line,
        });
    }
    Ok(())
}

fn run(
    program: &Path,
    arguments: &[&str],
    home: &Path,
    times: &mut Distribution,
) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("start {}", program.display()))?;
    times.record(started.elapsed());
    ensure!(
        status.success(),
        "{} {arguments:?}: {status}",
        program.display()
    );
    Ok(())
}
