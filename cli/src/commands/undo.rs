//! `aiex undo`

use crate::args::Undo;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::session_json::Task;
use crate::turn::{self, Order, Where};

pub(super) fn run(invocation: &Invocation, args: &Undo) -> Result<Exit, Error> {
    let order = Order {
        task: Task::Undo { turn: args.turn },
        place: Where::Session(invocation.session_id(None)?),
        model: None,
        change: args.change,
    };
    turn::run(invocation, order)
}
