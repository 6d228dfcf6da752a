//! `aiex explain code TARGET`

use crate::args::ExplainCode;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::project::Project;
use crate::session_json::Task;
use crate::target;
use crate::turn::{self, Order};

pub(super) fn run(invocation: &Invocation, args: ExplainCode) -> Result<Exit, Error> {
    let project = Project::find(&invocation.environment)?;
    let target = target::resolve(&args.target, &invocation.environment.cwd, &project.root)?;
    let order = Order {
        task: Task::Explain { target },
        place: invocation.place()?,
        model: args.turn.model,
        change: Default::default(),
    };
    turn::run(invocation, order)
}
