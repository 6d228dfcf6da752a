//! `aiex`: the terminal program. Parses, runs one command, and ends with a documented exit code.
//!
//! Nothing is read, connected or started before the command line is understood.

mod approval;
mod args;
mod commands;
mod config;
mod environment;
mod error;
mod exit_code;
mod invocation;
mod local_node;
mod output;
mod present;
mod project;
mod session_json;
mod state;
mod target;
mod theme;
mod tool_host;
mod turn;

use environment::Environment;
use exit_code::Exit;
use invocation::Invocation;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A tool's sandbox re-runs this program; that child must not do anything else.
    aiex_tools::sandbox::reexec_main_if_child();
    ExitCode::from(run().code())
}

fn run() -> Exit {
    let arguments: Vec<_> = std::env::args_os().collect();
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let cli = match args::parse(arguments) {
        Ok(cli) => cli,
        Err(refusal) => return commands::refuse_usage(&refusal, wants_json),
    };
    let environment = match Environment::read() {
        Ok(environment) => environment,
        Err(error) => {
            let output = Output::new(&Environment::default(), wants_json, false, true);
            output.error(&error);
            return error.exit();
        }
    };
    let output = Output::new(
        &environment,
        cli.global.json,
        cli.global.quiet,
        cli.global.no_color,
    );
    let invocation = Invocation {
        environment,
        global: cli.global,
        output,
    };
    let ended = commands::run(&invocation, cli.command);
    invocation.output.rest();
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            invocation.output.error(&error);
            error.exit()
        }
    }
}
