//! `aiex-scripted-provider --script FILE --port 0`: plays a script until it is interrupted.
//!
//! Prints one line of JSON with its addresses, then nothing.

use aiex_scripted_provider::{Script, ScriptedProvider};
use anyhow::Context;
use clap::Parser;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// A provider that says what a script tells it, in the OpenAI and Anthropic dialects.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The script: one JSON document, or one step per line.
    #[arg(long)]
    script: PathBuf,
    /// The port; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let file = arguments.script.display();
    let text = tokio::fs::read_to_string(&arguments.script)
        .await
        .with_context(|| format!("{file} cannot be read"))?;
    let script = Script::parse(&text).with_context(|| file.to_string())?;
    let address = SocketAddr::new(arguments.host, arguments.port);
    let provider = ScriptedProvider::bind(script, address)
        .await
        .with_context(|| format!("{address} cannot be opened"))?;
    print_addresses(&provider);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the line is this program's interface")]
fn print_addresses(provider: &ScriptedProvider) {
    let line = serde_json::json!({
        "address": provider.address(),
        "openai_base_url": provider.openai_base_url(),
        "anthropic_base_url": provider.anthropic_base_url(),
    });
    println!("{line}");
}
