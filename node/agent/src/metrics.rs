//! Names of what the agent measures, and the only places that write them. No label names a session or a person.

use aiex_session::TurnEnd;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use std::time::Duration;

/// Counter: turns started.
pub(crate) const TURNS_STARTED_TOTAL: &str = "aiex_agent_turns_started_total";
/// Counter by `end` ("completed", "failed", "cancelled", "limit_reached"): turns finished.
pub(crate) const TURNS_FINISHED_TOTAL: &str = "aiex_agent_turns_finished_total";
/// Histogram, seconds, by `outcome` ("ok", "failed", "ended"): a model call, its prompt's assembly included.
pub(crate) const MODEL_CALL_SECONDS: &str = "aiex_agent_model_call_seconds";
/// Histogram, seconds: a tool call from its dispatch to its recorded outcome.
pub(crate) const TOOL_CALL_SECONDS: &str = "aiex_agent_tool_call_seconds";
/// Gauge: clients attached.
pub(crate) const ATTACHMENTS: &str = "aiex_agent_attachments";
/// Gauge: sessions at work.
pub(crate) const SESSIONS_AT_WORK: &str = "aiex_agent_sessions_at_work";
/// Counter by `reason` ("slow", "gone", "overdue"): clients that a session let go.
pub(crate) const LET_GO_TOTAL: &str = "aiex_agent_let_go_total";

/// Describes the metrics to the recorder; once, after it is installed.
pub fn describe_metrics() {
    describe_counter!(TURNS_STARTED_TOTAL, "Turns started");
    describe_counter!(TURNS_FINISHED_TOTAL, "Turns finished, by how they ended");
    describe_histogram!(
        MODEL_CALL_SECONDS,
        Unit::Seconds,
        "Model calls, their prompts' assembly included"
    );
    describe_histogram!(
        TOOL_CALL_SECONDS,
        Unit::Seconds,
        "Tool calls, from dispatch to recorded outcome"
    );
    describe_gauge!(ATTACHMENTS, "Clients attached to sessions");
    describe_gauge!(SESSIONS_AT_WORK, "Sessions at work on this node");
    describe_counter!(LET_GO_TOTAL, "Clients that a session let go, by reason");
}

pub(crate) fn turn_started() {
    metrics::counter!(TURNS_STARTED_TOTAL).increment(1);
}

pub(crate) fn turn_finished(end: &TurnEnd) {
    let end = match end {
        TurnEnd::Completed => "completed",
        TurnEnd::Failed { .. } => "failed",
        TurnEnd::Cancelled { .. } => "cancelled",
        TurnEnd::LimitReached { .. } => "limit_reached",
    };
    metrics::counter!(TURNS_FINISHED_TOTAL, "end" => end).increment(1);
}

pub(crate) fn model_call(outcome: &'static str, took: Duration) {
    metrics::histogram!(MODEL_CALL_SECONDS, "outcome" => outcome).record(took.as_secs_f64());
}

pub(crate) fn tool_call(took: Duration) {
    metrics::histogram!(TOOL_CALL_SECONDS).record(took.as_secs_f64());
}

pub(crate) fn let_go(reason: &'static str) {
    metrics::counter!(LET_GO_TOTAL, "reason" => reason).increment(1);
}

/// Counts one thing in a gauge for as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted(&'static str);

impl Counted {
    pub(crate) fn one(gauge: &'static str) -> Self {
        metrics::gauge!(gauge).increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1.0);
    }
}
