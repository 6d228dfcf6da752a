//! Puts outcomes together, each within its bounds.

use crate::{
    FileChange, ToolOutcome, ToolStatus, Verdict, error::Error, output::bounded, trail::Trail,
};

pub(super) struct Answer;

impl Answer {
    pub(super) fn ok(output: String, trail: Trail) -> ToolOutcome {
        Self::with(ToolStatus::Ok, output, trail, Vec::new(), None)
    }

    pub(super) fn error(error: &Error, trail: Trail) -> ToolOutcome {
        let output = format!("{error}\nhint: {}", error.hint());
        Self::with(error.status(), output, trail, Vec::new(), None)
    }

    pub(super) fn with(
        status: ToolStatus,
        output: String,
        trail: Trail,
        changes: Vec<FileChange>,
        verdict: Option<Verdict>,
    ) -> ToolOutcome {
        ToolOutcome {
            status,
            output: bounded(output),
            accesses: trail.into_records(),
            changes,
            verdict,
        }
    }
}
