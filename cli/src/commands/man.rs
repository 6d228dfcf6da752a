//! `aiex man DIR`: writes the man pages; hidden, for packagers.

use crate::args::{Cli, Man};
use crate::error::Error;
use crate::exit_code::Exit;
use crate::output::Output;
use clap::CommandFactory as _;
use std::fs;

/// One page for the program and one for each verb and noun.
pub(super) fn run(output: &Output, args: &Man) -> Result<Exit, Error> {
    let directory = &args.directory;
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .map_err(|error| Error::file("write to", directory, &error))?;
    output.note(&format!("wrote the man pages to {}", directory.display()));
    Ok(Exit::Done)
}
