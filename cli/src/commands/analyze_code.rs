//! `aiex analyze code PATH`: structure, metrics and findings, on this machine alone.

use crate::args::AnalyzeCode;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;

pub(super) fn run(_invocation: &Invocation, _args: &AnalyzeCode) -> Result<Exit, Error> {
    Ok(Exit::Done)
}
