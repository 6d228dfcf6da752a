//! `aiex version`

use crate::error::Error;
use crate::exit_code::Exit;
use crate::output::Output;
use serde_json::json;

/// The version of the contract this program speaks.
const CONTRACT: &str = "aiex.v1";

pub(super) fn run(output: &Output) -> Result<Exit, Error> {
    let version = env!("CARGO_PKG_VERSION");
    let document = json!({
        "version": version, "contract": CONTRACT, "os": std::env::consts::OS, "arch": std::env::consts::ARCH,
    });
    output.either(&document, |_| {
        format!(
            "aiex {version} ({CONTRACT}, {}-{})",
            std::env::consts::OS,
            std::env::consts::ARCH
        )
    })?;
    Ok(Exit::Done)
}
