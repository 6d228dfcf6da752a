//! An executor's answer, in the session's own terms.

use crate::error::Error;
use aiex_session::{Content, FileAccess, FileChange, ToolCallOutcome, Verdict, VerdictStep};
use aiex_tools::{ToolOutcome, ToolStatus};

/// Most bytes of one outcome as it arrives.
pub(crate) const OUTCOME_BYTES_MAX: usize = 24 << 20;

/// Reads the JSON of a [`ToolOutcome`].
///
/// # Errors
/// [`Error::Rejected`] when it is not one, [`Error::LimitReached`] above [`OUTCOME_BYTES_MAX`].
pub(crate) fn to_session_outcome(json: &str) -> Result<ToolCallOutcome, Error> {
    if json.len() > OUTCOME_BYTES_MAX {
        return Err(Error::Rejected {
            code: "limit_reached".to_owned(),
            message: format!(
                "the outcome has {} bytes, over the limit of {OUTCOME_BYTES_MAX}",
                json.len()
            ),
            hint: "change fewer or smaller files in one call".to_owned(),
        });
    }
    let outcome: ToolOutcome = serde_json::from_str(json).map_err(|error| Error::Rejected {
        code: "invalid_argument".to_owned(),
        message: format!("the outcome of the tool cannot be read: {error}"),
        hint: "the executor and the node may be of different versions".to_owned(),
    })?;
    Ok(ToolCallOutcome {
        status: status(outcome.status).to_owned(),
        output: Content::Inline(outcome.output),
        accesses: outcome.accesses.into_iter().map(access).collect(),
        changes: outcome.changes.into_iter().map(change).collect(),
        verdict: outcome.verdict.map(verdict),
    })
}

/// Stands in for an outcome that the log does not take.
pub(crate) fn too_large_to_record(error: &Error) -> ToolCallOutcome {
    ToolCallOutcome {
        status: "failed".to_owned(),
        output: Content::Inline(format!(
            "The call was carried out, but its outcome is too large to be recorded ({error}). \
             Look at what it changed, and ask for less in one call."
        )),
        accesses: Vec::new(),
        changes: Vec::new(),
        verdict: None,
    }
}

const fn status(status: ToolStatus) -> &'static str {
    match status {
        ToolStatus::Ok => "ok",
        ToolStatus::Failed => "failed",
        ToolStatus::Denied => "denied",
    }
}

fn access(record: aiex_tools::AccessRecord) -> FileAccess {
    FileAccess {
        operation: record.operation,
        path: record.path,
        decision: record.decision,
        reason: record.reason,
        size_bytes: record.size_bytes,
    }
}

fn change(change: aiex_tools::FileChange) -> FileChange {
    FileChange {
        path: change.path,
        before: change.before.map(Content::Inline),
        after: change.after.map(Content::Inline),
    }
}

fn verdict(verdict: aiex_tools::Verdict) -> Verdict {
    let step = |step: aiex_tools::VerdictStep| VerdictStep {
        name: step.name,
        status: step.status,
        detail: step.detail,
        duration_ms: step.duration_ms,
    };
    Verdict {
        steps: verdict.steps.into_iter().map(step).collect(),
    }
}
