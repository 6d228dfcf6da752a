//! One file per command; this one only routes.

mod analyze_code;
mod archive_session;
mod ask;
mod complete;
mod create_module;
mod create_tests;
mod create_token;
mod doctor;
mod documents;
mod explain_code;
mod export_session;
mod fork_session;
mod import_session;
mod list_models;
mod list_nodes;
mod list_sessions;
mod list_shards;
mod list_tokens;
mod man;
mod refactor_code;
mod resume_session;
mod revoke_token;
mod show_cluster;
mod show_context;
mod show_local;
mod show_node;
mod show_session;
mod start_local;
mod stop_local;
mod undo;
mod version;

use crate::args::{
    AnalyzeWhat, ArchiveWhat, Command, CreateWhat, ExplainWhat, ExportWhat, ForkWhat, ImportWhat,
    ListWhat, RefactorHow, RefactorWhat, ResumeWhat, RevokeWhat, ShowWhat,
};
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::output;
use clap::error::ErrorKind;

/// Runs the command and says how it ended.
pub(crate) fn run(invocation: &Invocation, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ask(args) => ask::run(invocation, args),
        Command::Explain(args) => match args.what {
            ExplainWhat::Code(args) => explain_code::run(invocation, args),
        },
        Command::Analyze(args) => match args.what {
            AnalyzeWhat::Code(args) => analyze_code::run(invocation, &args),
        },
        Command::Refactor(args) => match args.what {
            RefactorWhat::Code(code) => match code.how {
                RefactorHow::RenameFunction(args) => {
                    refactor_code::rename_function(invocation, args)
                }
            },
        },
        Command::Create(args) => match args.what {
            CreateWhat::Module(args) => create_module::run(invocation, args),
            CreateWhat::Tests(args) => create_tests::run(invocation, args),
            CreateWhat::Token(args) => create_token::run(invocation, args),
        },
        Command::Undo(args) => undo::run(invocation, &args),
        Command::List(args) => match args.what {
            ListWhat::Sessions(args) => list_sessions::run(invocation, &args),
            ListWhat::Models => list_models::run(invocation),
            ListWhat::Nodes => list_nodes::run(invocation),
            ListWhat::Shards => list_shards::run(invocation),
            ListWhat::Tokens => list_tokens::run(invocation),
        },
        Command::Show(args) => match args.what {
            ShowWhat::Session(args) => show_session::run(invocation, &args),
            ShowWhat::Context(args) => show_context::run(invocation, args),
            ShowWhat::Node => show_node::run(invocation),
            ShowWhat::Cluster => show_cluster::run(invocation),
            ShowWhat::Local => show_local::run(invocation),
        },
        Command::Resume(args) => match args.what {
            ResumeWhat::Session(args) => resume_session::run(invocation, &args),
        },
        Command::Fork(args) => match args.what {
            ForkWhat::Session(args) => fork_session::run(invocation, args),
        },
        Command::Export(args) => match args.what {
            ExportWhat::Session(args) => export_session::run(invocation, &args),
        },
        Command::Import(args) => match args.what {
            ImportWhat::Session(args) => import_session::run(invocation, &args),
        },
        Command::Archive(args) => match args.what {
            ArchiveWhat::Session(args) => archive_session::run(invocation, &args),
        },
        Command::Revoke(args) => match args.what {
            RevokeWhat::Token { id } => revoke_token::run(invocation, id),
        },
        Command::Start(_) => start_local::run(invocation),
        Command::Stop(_) => stop_local::run(invocation),
        Command::Doctor => doctor::run(invocation),
        Command::Complete(args) => complete::run(&invocation.output, &args),
        Command::Version => version::run(&invocation.output),
        Command::Man(args) => man::run(&invocation.output, &args),
    }
}

/// Prints help and versions on stdout, and what is wrong with the command line on stderr.
pub(crate) fn refuse_usage(refusal: &clap::Error, wants_json: bool) -> Exit {
    let text = refusal.render();
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output::plain_out(&text.to_string());
            Exit::Done
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            output::plain_err(&text.to_string());
            Exit::Usage
        }
        _ => {
            let text = text.to_string();
            let text = text.trim_start_matches("error: ").trim_end();
            let (message, hint) = match text.split_once("\n\n") {
                Some((message, rest)) => (message, rest),
                None => (text, ""),
            };
            let hint = hint.replace(
                "For more information, try '--help'.",
                "hint: try the same with --help",
            );
            output::plain_err(&format!("error[usage]: {message}\n\n{}", hint.trim_start()));
            if wants_json {
                let object = serde_json::json!({"error": {
                    "code": "usage", "message": message, "hint": "try the same with --help",
                }});
                output::plain_out(&format!("{object}\n"));
            }
            Exit::Usage
        }
    }
}
