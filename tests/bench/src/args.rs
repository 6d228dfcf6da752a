//! The command line.

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use std::fmt;
use std::path::PathBuf;

/// Measures Aiex on this machine and prints every figure beside its goal.
///
/// Exit codes: 0 everything was measured, 1 something could not be measured (or, with --strict, a goal was missed).
#[derive(Debug, Parser)]
#[command(name = "aiex-bench", version)]
pub(crate) struct Args {
    /// Folder that holds the `aiex` and `aiex-node` to measure
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: PathBuf,
    /// Elixir source tree to analyse, index and search
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: PathBuf,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Where throw-away folders are made; must be on the disk to be measured
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Measure only this; may be repeated
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) only: Vec<Measurement>,
    /// Exit with 1 when a goal is missed
    #[arg(long)]
    pub(crate) strict: bool,
}

impl Args {
    /// What to measure, in the order of the report.
    pub(crate) fn measurements(&self) -> Vec<Measurement> {
        let all = Measurement::value_variants().iter().copied();
        all.filter(|one| self.only.is_empty() || self.only.contains(one))
            .collect()
    }

    /// Makes the folder everything of this run is kept in.
    pub(crate) fn scratch_folder(&self) -> anyhow::Result<tempfile::TempDir> {
        let parent = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("aiex-bench-").tempdir_in(&parent);
        folder.with_context(|| format!("make a folder in {}", parent.display()))
    }
}

/// One part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measurement {
    /// Start of the terminal program, its size
    Start,
    /// Start, memory and processor time of an idle node
    Node,
    /// Appends to sessions, fsync on
    Append,
    /// Loading a long session
    Resume,
    /// Analysing files, against bare parsing
    Analysis,
    /// Indexing a project
    Index,
    /// Searching an index
    Retrieval,
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Node => "node",
            Self::Append => "append",
            Self::Resume => "resume",
            Self::Analysis => "analysis",
            Self::Index => "index",
            Self::Retrieval => "retrieval",
        })
    }
}
