//! The lines an operator reads about turns: one when a turn starts, one when it ends.
//!
//! They stand in the session's span, so each carries the session. What was asked and answered is the
//! session's own and sealed there; no word of it comes here.

use aiex_session::{Event, Task, TurnEnd};

/// Logs an event that starts or ends a turn; other events are only in the session.
pub(crate) fn tell(event: &Event, actor: &str) {
    match event {
        Event::TurnStarted {
            turn, task, model, ..
        } => tracing::info!(turn, actor, task = name(task), model, "turn started"),
        Event::TurnFinished { turn, end } => {
            let (end, why) = ending(end);
            tracing::info!(turn, actor, end, why, "turn ended");
        }
        _ => {}
    }
}

const fn name(task: &Task) -> &'static str {
    match task {
        Task::Ask { .. } => "ask",
        Task::Explain { .. } => "explain",
        Task::CreateTests { .. } => "create_tests",
        Task::CreateModule { .. } => "create_module",
        Task::RenameFunction { .. } => "rename_function",
        Task::Undo { .. } => "undo",
    }
}

/// How it ended, and the code or the limit behind it; empty when all is well.
fn ending(end: &TurnEnd) -> (&'static str, &str) {
    match end {
        TurnEnd::Completed => ("completed", ""),
        TurnEnd::Failed { code, .. } => ("failed", code),
        TurnEnd::Cancelled { .. } => ("cancelled", ""),
        TurnEnd::LimitReached { limit } => ("limit_reached", limit),
    }
}
