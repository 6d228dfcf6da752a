//! `aiex complete bash|zsh|fish`

use crate::args::{Cli, Complete};
use crate::error::Error;
use crate::exit_code::Exit;
use crate::output::Output;
use clap::CommandFactory as _;

pub(super) fn run(output: &Output, args: &Complete) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "aiex", &mut script);
    output.piece(&script)?;
    Ok(Exit::Done)
}
