//! The node: reads its configuration, builds its parts, runs until told to stop.

mod app;
mod args;
mod config;
mod data_dir;
mod secrets;
mod shutdown;
mod tasks;

use args::Args;
use clap::Parser as _;
use config::Config;
use std::process::ExitCode;

/// Exit code for a configuration that cannot be used (`EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match Config::load(&args) {
        Ok(config) => config,
        Err(error) => {
            report(&error.to_string(), &error.hint);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if args.dump_config {
        return dump(&config);
    }
    if args.check_config {
        say("configuration is valid");
        return ExitCode::SUCCESS;
    }
    match run(config, &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("{error:#}"), app::hint_for(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config, args: &Args) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("aiex-node")
        .build()?;
    runtime.block_on(async {
        let app = app::App::build(config, args).await?;
        app.run().await
    })
}

fn dump(config: &Config) -> ExitCode {
    match config.to_redacted_toml() {
        Ok(text) => {
            say(text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            report(&error.to_string(), "");
            ExitCode::FAILURE
        }
    }
}

#[allow(
    clippy::print_stdout,
    reason = "what a person asked this command to print"
)]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "logging is not installed yet, or gone")]
fn report(message: &str, hint: &str) {
    eprintln!("aiex-node: {message}");
    if !hint.is_empty() {
        eprintln!("hint: {hint}");
    }
}
