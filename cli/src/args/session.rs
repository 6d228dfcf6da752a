//! The verbs of sessions.

use super::ChangeOptions;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Which session a verb is about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SessionId {
    /// Session; --session or the last one of this project if absent
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

/// Declares a verb whose only noun is `session`.
macro_rules! session_verb {
    ($(#[$doc:meta])* $verb:ident { $noun:ident }) => {
        $(#[$doc])*
        #[derive(Debug, Args)]
        #[command(arg_required_else_help = true)]
        pub(crate) struct $verb {
            #[command(subcommand)]
            pub(crate) what: $noun,
        }
    };
}

session_verb! {
    /// Go on with a session, from any machine
    Resume { ResumeWhat }
}
session_verb! {
    /// Make a new session from a point of another
    Fork { ForkWhat }
}
session_verb! {
    /// Write a session to a file
    Export { ExportWhat }
}
session_verb! {
    /// Read a session from a file
    Import { ImportWhat }
}
session_verb! {
    /// Put something away
    Archive { ArchiveWhat }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ResumeWhat {
    /// Finish the running turn, or show what was said
    ///
    /// When a turn waits for this project's tools, they run here and the turn goes on. Otherwise the transcript is
    /// printed. 'aiex ask --continue' adds a question.
    Session(ResumeSession),
}

#[derive(Debug, Args)]
pub(crate) struct ResumeSession {
    #[command(flatten)]
    pub(crate) session: SessionId,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ForkWhat {
    /// Copy the events of a session up to a point into a new one
    Session(ForkSession),
}

#[derive(Debug, Args)]
pub(crate) struct ForkSession {
    #[command(flatten)]
    pub(crate) session: SessionId,
    /// Last event to take over; all if absent
    #[arg(
        long,
        value_name = "SEQ",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(crate) at: u64,
    /// Title of the new session
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) title: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportWhat {
    /// Write all events as NDJSON
    Session(ExportSession),
}

#[derive(Debug, Args)]
pub(crate) struct ExportSession {
    #[command(flatten)]
    pub(crate) session: SessionId,
    /// File to write; stdout if absent. An existing file is not overwritten
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportWhat {
    /// Make a new session of an exported one
    Session(ImportSession),
}

#[derive(Debug, Args)]
pub(crate) struct ImportSession {
    /// File to read; '-' reads stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveWhat {
    /// Put a session away; it can still be read
    Session(SessionId),
}

/// List the sessions of this project
#[derive(Debug, Args)]
pub(crate) struct ListSessions {
    /// Sessions of every project
    #[arg(long)]
    pub(crate) everywhere: bool,
    /// Archived sessions too
    #[arg(long)]
    pub(crate) archived: bool,
    /// Most sessions to list
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

/// Show what was said and done in a session
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex show session
  aiex show session 0199c1d2-… --at 12      as it was after event 12
  aiex show session --events --json         every event, as stored")]
pub(crate) struct ShowSession {
    #[command(flatten)]
    pub(crate) session: SessionId,
    /// As it was after this event
    #[arg(
        long,
        value_name = "SEQ",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(crate) at: u64,
    /// List every event
    #[arg(long)]
    pub(crate) events: bool,
}
