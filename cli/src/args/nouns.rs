//! The verbs about code, the cluster and this machine.

use super::session::{ListSessions, ShowSession};
use super::{ChangeOptions, TurnOptions};
use clap::{Args, Subcommand, ValueHint};
use clap_complete::Shell;
use std::path::PathBuf;

/// Explain code
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Explain {
    #[command(subcommand)]
    pub(crate) what: ExplainWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExplainWhat {
    Code(ExplainCode),
}

/// Explain a file, a module or a function
///
/// Says what it is for, what it offers, who uses it, which processes, messages and schemas it has, and what looks
/// risky. Works without any model.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex explain code lib/shop/cart.ex
  aiex explain code Shop.Cart
  aiex explain code Shop.Cart.total/1")]
pub(crate) struct ExplainCode {
    /// File, module or function with its arity
    #[arg(value_name = "TARGET", value_hint = ValueHint::FilePath)]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) turn: TurnOptions,
}

/// Analyze code on this machine
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Analyze {
    #[command(subcommand)]
    pub(crate) what: AnalyzeWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AnalyzeWhat {
    Code(AnalyzeCode),
}

/// Show structure, metrics and findings of Elixir sources
///
/// Needs no cluster and sends nothing anywhere. Files that do not parse are still read, by a simpler scanner.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex analyze code lib
  aiex analyze code lib/shop/cart.ex --json
  aiex analyze code . --findings --stats")]
pub(crate) struct AnalyzeCode {
    /// File or directory
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    /// Findings only
    #[arg(long)]
    pub(crate) findings: bool,
    /// Also report the speed, beside plain parsing of the same files
    #[arg(long)]
    pub(crate) stats: bool,
    /// Threads to use; as many as the machine has if absent
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: Option<u16>,
}

/// Change code without changing what it does
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Refactor {
    #[command(subcommand)]
    pub(crate) what: RefactorWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RefactorWhat {
    Code(RefactorCode),
}

/// Refactor the code of this project
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct RefactorCode {
    #[command(subcommand)]
    pub(crate) how: RefactorHow,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RefactorHow {
    RenameFunction(RenameFunction),
}

/// Rename a function and every call of it
///
/// The diff is shown before anything changes; afterwards the project is compiled and the affected tests run.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex refactor code rename-function Shop.Cart.sum/1 total --dry-run
  aiex refactor code rename-function Shop.Cart.sum/1 total --yes")]
pub(crate) struct RenameFunction {
    /// Function with its module and arity
    #[arg(value_name = "MODULE.OLD/ARITY")]
    pub(crate) target: String,
    /// The new name alone
    #[arg(value_name = "NEW")]
    pub(crate) new_name: String,
    #[command(flatten)]
    pub(crate) turn: TurnOptions,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

/// List what the cluster has
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct List {
    #[command(subcommand)]
    pub(crate) what: ListWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ListWhat {
    Sessions(ListSessions),
    /// List the models that can be asked
    Models,
    /// List the nodes of the cluster
    Nodes,
    /// List the shards and who leads them
    Shards,
    /// List tokens, without their secrets
    Tokens,
}

/// Show one thing in full
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Show {
    #[command(subcommand)]
    pub(crate) what: ShowWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShowWhat {
    Session(ShowSession),
    Context(ShowContext),
    /// Show the node that answers
    Node,
    /// Show the nodes and the state of the shards
    Cluster,
    /// Show the private node of this machine
    Local,
}

/// Show what the model would be given, item by item
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex show context \"why does Shop.Cart block?\"
  aiex show context --session 0199c1d2-…")]
pub(crate) struct ShowContext {
    /// What would be asked; the last prompt of the session if absent
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) turn: TurnOptions,
}

/// Take a right away
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Revoke {
    #[command(subcommand)]
    pub(crate) what: RevokeWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RevokeWhat {
    /// Make a token useless at once
    Token {
        /// Id of the token, as shown by 'aiex list tokens'
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// `start local`, `stop local`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Local {
    #[command(subcommand)]
    pub(crate) what: LocalWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LocalWhat {
    /// The private node of this machine
    Local,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex complete bash > ~/.local/share/bash-completion/completions/aiex
  aiex complete zsh > \"${fpath[1]}/_aiex\"
  aiex complete fish > ~/.config/fish/completions/aiex.fish")]
pub(crate) struct Complete {
    /// Shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Write the man pages
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Directory to write to, one page per verb
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
}
