//! `aiex start local`

use super::show_local::{document, text};
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::local_node::LocalNode;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let local = LocalNode::new(&invocation.environment);
    invocation.output.progress("starting a private node");
    let started = local.start()?;
    invocation.output.rest();
    let said = if started.fresh {
        "started"
    } else {
        "it runs already"
    };
    invocation.output.note(said);
    invocation
        .output
        .either(&document(&local, Some(&started.record)), |theme| {
            text(&local, Some(&started.record), theme)
        })?;
    Ok(Exit::Done)
}
