//! The session as a person reads it: turns, and inside each what was said and done, in order.

use super::Projection;
use crate::content::{ContentBlock, StopReason, Usage};
use crate::event::{Content, Event, FileAccess, Recorded, TurnEnd, Verdict};
use crate::ids::{Seq, TurnNumber};
use crate::state::Approval;
use crate::task::Task;
use serde::{Deserialize, Serialize};

/// Every turn of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    pub title: String,
    pub turns: Vec<TurnTranscript>,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnTranscript {
    pub turn: TurnNumber,
    pub request_id: String,
    /// Who started it.
    pub actor: String,
    pub headline: String,
    pub task: Task,
    pub model: String,
    pub workspace_id: String,
    pub started_at_unix_ms: i64,
    pub finished_at_unix_ms: Option<i64>,
    pub steps: Vec<Step>,
    /// `None` while it runs.
    pub end: Option<TurnEnd>,
}

/// Something said or done inside a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    Reply {
        seq: Seq,
        call_id: String,
        provider: String,
        content: Vec<ContentBlock>,
        stop: StopReason,
        usage: Usage,
    },
    ModelFailure {
        seq: Seq,
        call_id: String,
        code: String,
        message: String,
        retryable: bool,
    },
    ToolCall {
        seq: Seq,
        call_id: String,
        name: String,
        arguments: String,
        approval: Option<Approval>,
        /// "ok", "failed", "denied"; `None` while it has no outcome.
        status: Option<String>,
        output: Option<Content>,
        accesses: Vec<FileAccess>,
        changed_paths: Vec<String>,
        verdict: Option<Verdict>,
    },
}

impl Projection for Transcript {
    fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::SessionCreated { title, .. } | Event::SessionRetitled { title } => {
                self.title.clone_from(title);
            }
            Event::TurnStarted { .. } => self.turn_started(recorded),
            Event::ModelReplied { turn, .. }
            | Event::ModelCallFailed { turn, .. }
            | Event::ToolCallIntended { turn, .. } => {
                let step = step(recorded);
                if let Some(turn) = self.turn(*turn) {
                    turn.steps.extend(step);
                }
            }
            Event::ApprovalDecided {
                turn,
                call_id,
                granted,
                by,
                reason,
            } => {
                let decided = Approval {
                    granted: *granted,
                    by: by.clone(),
                    reason: reason.clone(),
                };
                if let Some(Step::ToolCall { approval, .. }) = self.call(*turn, call_id) {
                    *approval = Some(decided);
                }
            }
            Event::ToolCallFinished { turn, call_id, .. } => {
                if let Some(step) = self.call(*turn, call_id) {
                    finish(step, &recorded.event);
                }
            }
            Event::TurnFinished { turn, end } => {
                if let Some(turn) = self.turn(*turn) {
                    turn.end = Some(end.clone());
                    turn.finished_at_unix_ms = Some(recorded.at_unix_ms);
                }
            }
            Event::SessionArchived | Event::ModelCallIntended { .. } => {}
        }
    }
}

impl Transcript {
    fn turn_started(&mut self, recorded: &Recorded) {
        let Event::TurnStarted {
            turn,
            request_id,
            task,
            model,
            workspace_id,
        } = &recorded.event
        else {
            return;
        };
        self.turns.push(TurnTranscript {
            turn: *turn,
            request_id: request_id.clone(),
            actor: recorded.actor.clone(),
            headline: task.headline(),
            task: task.clone(),
            model: model.clone(),
            workspace_id: workspace_id.clone(),
            started_at_unix_ms: recorded.at_unix_ms,
            finished_at_unix_ms: None,
            steps: Vec::new(),
            end: None,
        });
    }

    fn turn(&mut self, number: TurnNumber) -> Option<&mut TurnTranscript> {
        let mut newest_first = self.turns.iter_mut().rev();
        newest_first.find(|turn| turn.turn == number)
    }

    fn call(&mut self, turn: TurnNumber, wanted: &str) -> Option<&mut Step> {
        let mut newest_first = self.turn(turn)?.steps.iter_mut().rev();
        newest_first
            .find(|step| matches!(step, Step::ToolCall { call_id, .. } if call_id == wanted))
    }
}

fn step(recorded: &Recorded) -> Option<Step> {
    let seq = recorded.seq;
    match recorded.event.clone() {
        Event::ModelReplied {
            call_id,
            provider,
            content,
            stop,
            usage,
            ..
        } => Some(Step::Reply {
            seq,
            call_id,
            provider,
            content,
            stop,
            usage,
        }),
        Event::ModelCallFailed {
            call_id,
            code,
            message,
            retryable,
            ..
        } => Some(Step::ModelFailure {
            seq,
            call_id,
            code,
            message,
            retryable,
        }),
        Event::ToolCallIntended {
            call_id,
            name,
            arguments,
            ..
        } => Some(Step::ToolCall {
            seq,
            call_id,
            name,
            arguments,
            approval: None,
            status: None,
            output: None,
            accesses: Vec::new(),
            changed_paths: Vec::new(),
            verdict: None,
        }),
        _ => None,
    }
}

fn finish(step: &mut Step, event: &Event) {
    let Event::ToolCallFinished {
        status: ended,
        output: said,
        accesses: accessed,
        changes,
        verdict: judged,
        ..
    } = event
    else {
        return;
    };
    if let Step::ToolCall {
        status,
        output,
        accesses,
        changed_paths,
        verdict,
        ..
    } = step
    {
        *status = Some(ended.clone());
        *output = Some(said.clone());
        accesses.clone_from(accessed);
        *changed_paths = changes.iter().map(|change| change.path.clone()).collect();
        verdict.clone_from(judged);
    }
}
