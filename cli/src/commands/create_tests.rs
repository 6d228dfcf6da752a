//! `aiex create tests TARGET`

use crate::args::CreateTests;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::project::Project;
use crate::session_json::Task;
use crate::target;
use crate::turn::{self, Order};

pub(super) fn run(invocation: &Invocation, args: CreateTests) -> Result<Exit, Error> {
    let project = Project::find(&invocation.environment)?;
    if !project.has_mix {
        return Err(Error::usage(
            format!(
                "{} has no mix.exs, so tests cannot be run",
                project.root.display()
            ),
            "change to a Mix project; mix new makes one",
        ));
    }
    let target = target::resolve(&args.target, &invocation.environment.cwd, &project.root)?;
    let order = Order {
        task: Task::CreateTests {
            target,
            dry_run: args.change.dry_run,
        },
        place: invocation.place()?,
        model: args.turn.model,
        change: args.change,
    };
    turn::run(invocation, order)
}
