//! The node: reads its configuration, builds its parts, runs until told to stop.

mod app;
mod args;
mod config;
mod data_dir;
mod secrets;
mod shutdown;
mod tasks;
mod terminal;

use args::Args;
use clap::Parser as _;
use config::Config;
use std::process::ExitCode;
use terminal::{report, say};

/// Exit code for a configuration that cannot be used (`EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match Config::load(&args) {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    if args.dump_config {
        return dump(&config);
    }
    // Elsewhere than on its machine a configuration is checked without the secrets themselves.
    let checked = config.check_keys(|key| match args.check_config {
        true => Ok(()),
        false => secrets::resolve(key).map(|_| ()),
    });
    if let Err(error) = checked {
        return refuse(&error);
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
        let signals = shutdown::StopSignals::listen()?;
        let app = app::App::build(config, args).await?;
        app.run(signals).await
    })
}

fn refuse(error: &config::ConfigError) -> ExitCode {
    report(&error.to_string(), &error.hint);
    ExitCode::from(EXIT_CONFIG)
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
