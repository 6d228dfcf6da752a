//! `aiex stop local`

use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::local_node::{LocalNode, Stopped};
use serde_json::json;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    invocation.output.progress("stopping the private node");
    let stopped = LocalNode::new(&invocation.environment).stop()?;
    invocation.output.rest();
    let (name, text) = match stopped {
        Stopped::WasNotRunning => ("was_not_running", "it was not running"),
        Stopped::Gracefully => ("gracefully", "stopped"),
        Stopped::Killed => (
            "killed",
            "it did not stop in time and was killed; nothing acknowledged is lost",
        ),
    };
    invocation
        .output
        .either(&json!({"stopped": name}), |_| text.to_owned())?;
    Ok(Exit::Done)
}
