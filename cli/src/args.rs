//! The command line: verb, then noun. `-h` is short, `--help` explains with examples.

mod create;
mod nouns;
mod session;

use clap::{Args, Parser, Subcommand, ValueHint};
pub(crate) use create::{Create, CreateModule, CreateTests, CreateToken, CreateWhat};
pub(crate) use nouns::{
    Analyze, AnalyzeCode, AnalyzeWhat, Complete, Explain, ExplainCode, ExplainWhat, List, ListWhat,
    Local, Man, Refactor, RefactorHow, RefactorWhat, RenameFunction, Revoke, RevokeWhat, Show,
    ShowContext, ShowWhat,
};
pub(crate) use session::{
    Archive, ArchiveWhat, Export, ExportSession, ExportWhat, Fork, ForkSession, ForkWhat, Import,
    ImportSession, ImportWhat, ListSessions, Resume, ResumeSession, ResumeWhat, SessionId,
    ShowSession,
};
use std::ffi::OsString;

/// Reads the command line. Help and versions come back as errors, as `clap` does it.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments)
}

/// Ask, explain, change and test Elixir code, together with your team's cluster
///
/// aiex talks to a cluster of nodes. With no endpoint configured it starts a private node on this machine and uses
/// that. Files are read and changed only here, inside the project, by this program; the cluster asks for it.
#[derive(Debug, Parser)]
#[command(
    name = "aiex",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Run 'aiex VERB --help' for details and examples.",
    after_long_help = AFTER_LONG_HELP,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_LONG_HELP: &str = "\
Examples:
  aiex explain code lib/shop/cart.ex      what a file is for and what looks risky
  aiex ask \"why does this GenServer block?\"
  aiex create tests Shop.Cart             tests that were run before you see them
  aiex refactor code rename-function Shop.Cart.sum/1 total --dry-run
  aiex undo                               put the files back

Exit codes:
  0 done   1 failed   2 wrong usage   3 not authenticated or not allowed   4 limit or budget
  5 denied at an approval   6 verification failed   7 cluster not reachable   130 interrupted

Environment: AIEX_ENDPOINT, AIEX_TOKEN, AIEX_MODEL, AIEX_CONFIG, AIEX_DATA_DIR, AIEX_NODE_BINARY, NO_COLOR";

/// Options of every verb.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print JSON: one document, or one object per line while streaming
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Cluster to use: host:port, several separated by commas
    #[arg(long, global = true, value_name = "ADDRESS", value_hint = ValueHint::Hostname)]
    pub(crate) endpoint: Option<String>,
    /// Session to work in
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Print results and errors only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Print without colours
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// The verbs, in the order of the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ask(Ask),
    Explain(Explain),
    Analyze(Analyze),
    Refactor(Refactor),
    Create(Create),
    Undo(Undo),
    List(List),
    Show(Show),
    Resume(Resume),
    Fork(Fork),
    Export(Export),
    Import(Import),
    Archive(Archive),
    Revoke(Revoke),
    /// Start the private node of this machine
    Start(Local),
    /// Stop the private node of this machine
    Stop(Local),
    /// Check this machine, the configuration and the cluster
    ///
    /// Each line is ok, warn or fail, with a hint. The private node is not started. Exit 1 when a check fails.
    Doctor,
    Complete(Complete),
    /// Print the version
    Version,
    #[command(hide = true)]
    Man(Man),
}

/// Ask a question or give an instruction
///
/// Sends the sources of the project that the cluster does not have yet, then runs one turn. The answer goes to
/// stdout, everything else to stderr. Tools run on this machine, inside the project.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex ask \"why does Shop.Cart block?\"
  aiex ask --continue \"and how would you fix it?\"
  git diff | aiex ask -                   reads the text from stdin
  aiex ask --dry-run \"remove the unused aliases\"")]
pub(crate) struct Ask {
    /// What to ask; '-' reads it from stdin
    #[arg(required = true, num_args = 1.., value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Go on in the last session of this project
    #[arg(long, short, conflicts_with = "session")]
    pub(crate) r#continue: bool,
    #[command(flatten)]
    pub(crate) turn: TurnOptions,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

/// Put the files of the last change back
///
/// Works on the last session of this project, or on --session. A file that was changed since is not overwritten.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex undo
  aiex undo --turn 3 --yes")]
pub(crate) struct Undo {
    /// Turn to undo; the last one that changed files if absent
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(crate) turn: u32,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

/// Options of every verb that runs a turn.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TurnOptions {
    /// Model to ask, as shown by 'aiex list models'
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
}

/// Options of every verb that may change files.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ChangeOptions {
    /// Show what would change and change nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Approve every change of this command without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[cfg(test)]
mod tests;
