//! The next step of a turn, as a pure function of what was committed.
//!
//! Nothing here waits, calls or remembers. A node that takes a session over replays its events and asks the
//! same question; the answer is the same, so the work goes on where it stood (ADR 0003).

use crate::approval::needs_approval;
use crate::config::Config;
use crate::undo::UndoPlan;
use aiex_session::{
    ContentBlock, OpenToolCall, Role, SessionId, State, Task, ToolCallIntent, Turn, TurnEnd,
    TurnNumber,
};

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Record the intent, then call the model.
    CallModel {
        call_id: String,
    },
    /// The intent is there and its outcome was lost with a node: call again under the same id.
    RepeatModelCall {
        call_id: String,
    },
    /// Record these intents.
    IntendTools(Vec<ToolCallIntent>),
    /// A person said no: record that the open calls are over, and the turn with them.
    EndDenied {
        denied: Vec<String>,
    },
    /// Outcomes are outstanding: hand calls to the executor, put questions to a person.
    AwaitTools {
        dispatch: Vec<String>,
        ask: Vec<String>,
    },
    Finish(TurnEnd),
}

/// Decides the next step of the running turn; `None` when no turn runs.
///
/// `undo` is what a [`Task::Undo`] comes to, worked out from the session's file changes.
pub(crate) fn next_step(
    state: &State,
    session: SessionId,
    undo: Option<&UndoPlan>,
    limits: &Config,
    now_unix_ms: i64,
) -> Option<Step> {
    let turn = state.turn.as_ref()?;
    let denied: Vec<String> = turn
        .open_tool_calls
        .iter()
        .filter(|call| call.approval.as_ref().is_some_and(|answer| !answer.granted))
        .map(|call| call.call_id.clone())
        .collect();
    if !denied.is_empty() {
        return Some(Step::EndDenied { denied });
    }
    if let Some(limit) = limit_reached(turn, limits, now_unix_ms) {
        let limit = limit.to_owned();
        return Some(Step::Finish(TurnEnd::LimitReached { limit }));
    }
    if !turn.open_tool_calls.is_empty() {
        return Some(await_tools(&turn.open_tool_calls));
    }
    if let Task::Undo { .. } = turn.task {
        return Some(undo_step(turn, session, undo));
    }
    if let Some(open) = &turn.open_model_call {
        let call_id = open.call_id.clone();
        return Some(Step::RepeatModelCall { call_id });
    }
    Some(step_of_conversation(state, turn, session, limits))
}

fn step_of_conversation(state: &State, turn: &Turn, session: SessionId, limits: &Config) -> Step {
    let unanswered = state.unanswered_tool_uses();
    let planned = u32::try_from(unanswered.len()).unwrap_or(u32::MAX);
    if turn.tool_calls.saturating_add(planned) > limits.tool_calls_max {
        return Step::Finish(TurnEnd::LimitReached {
            limit: "tool_calls".to_owned(),
        });
    }
    if !unanswered.is_empty() {
        let intents = unanswered
            .into_iter()
            .map(|(id, name, arguments)| ToolCallIntent {
                call_id: id.to_owned(),
                tool_use_id: None,
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            });
        return Step::IntendTools(intents.collect());
    }
    let answered = state
        .turn_messages()
        .last()
        .is_some_and(|message| message.role == Role::Assistant);
    if answered {
        return Step::Finish(TurnEnd::Completed);
    }
    if turn.model_calls >= limits.model_calls_max {
        return Step::Finish(TurnEnd::LimitReached {
            limit: "model_calls".to_owned(),
        });
    }
    Step::CallModel {
        call_id: call_id("model", session, turn.number, turn.model_calls, 0),
    }
}

fn await_tools(open: &[OpenToolCall]) -> Step {
    let (mut dispatch, mut ask) = (Vec::new(), Vec::new());
    for call in open {
        let undecided = call.approval.is_none() && needs_approval(&call.name);
        let list = if undecided { &mut ask } else { &mut dispatch };
        list.push(call.call_id.clone());
    }
    Step::AwaitTools { dispatch, ask }
}

fn limit_reached(turn: &Turn, limits: &Config, now_unix_ms: i64) -> Option<&'static str> {
    let age_ms = now_unix_ms.saturating_sub(turn.started_at_unix_ms);
    let tokens = turn
        .usage
        .input_tokens
        .saturating_add(turn.usage.output_tokens);
    if tokens > limits.turn_tokens_max {
        Some("tokens")
    } else if u64::try_from(age_ms).unwrap_or(0) > limits.turn_ms_max {
        Some("time")
    } else {
        None
    }
}

/// Undo asks no model: one call puts the files back, its outcome ends the turn.
fn undo_step(turn: &Turn, session: SessionId, undo: Option<&UndoPlan>) -> Step {
    if let Some(done) = turn.finished_tool_calls.last() {
        return Step::Finish(match done.status.as_str() {
            "ok" => TurnEnd::Completed,
            "denied" => TurnEnd::Failed {
                code: "approval_denied".to_owned(),
                message: "the files were not put back: the change was refused there".to_owned(),
                hint: "the tool's answer above says why".to_owned(),
            },
            _ => TurnEnd::Failed {
                code: "conflict".to_owned(),
                message: "the files were not put back".to_owned(),
                hint: "they changed since that turn; the tool's answer above names them".to_owned(),
            },
        });
    }
    match undo {
        Some(UndoPlan::Call { name, arguments }) => Step::IntendTools(vec![ToolCallIntent {
            call_id: call_id("tool", session, turn.number, 0, 0),
            tool_use_id: None,
            name: name.clone(),
            arguments: arguments.clone(),
        }]),
        Some(UndoPlan::Impossible { message, hint }) => Step::Finish(TurnEnd::Failed {
            code: "conflict".to_owned(),
            message: message.clone(),
            hint: hint.clone(),
        }),
        // the call was intended and is over, or the plan was not asked for: nothing more to do
        None => Step::Finish(TurnEnd::Completed),
    }
}

/// A call id every node derives alike: at most 40 characters of `[a-z0-9_]`, as the strictest provider wants.
pub(crate) fn call_id(
    kind: &str,
    session: SessionId,
    turn: TurnNumber,
    call: u32,
    index: usize,
) -> String {
    let place = format!("{kind}/{session}/{turn}/{call}/{index}");
    let digest = blake3::hash(place.as_bytes()).to_hex();
    format!("{kind}_{}", &digest.as_str()[..24])
}

/// Gives the calls of a reply the ids they have everywhere from now on: providers repeat theirs.
pub(crate) fn with_own_call_ids(
    content: Vec<ContentBlock>,
    session: SessionId,
    turn: &Turn,
) -> Vec<ContentBlock> {
    let own = |(index, block)| match block {
        ContentBlock::ToolUse {
            name, arguments, ..
        } => ContentBlock::ToolUse {
            id: call_id("tool", session, turn.number, turn.model_calls, index),
            name,
            arguments,
        },
        other => other,
    };
    content.into_iter().enumerate().map(own).collect()
}

#[cfg(test)]
mod tests;
