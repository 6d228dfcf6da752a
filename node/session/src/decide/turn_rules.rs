//! The rules inside a turn: one call to the model at a time, intents before outcomes.

use super::{TOOL_CALLS_PER_REPLY_MAX, check_id, check_name, need_user, outcome_digest};
use crate::command::{Actor, Command, Rejection, ToolCallIntent, ToolCallOutcome};
use crate::content::Role;
use crate::event::{Event, TurnEnd};
use crate::ids::TurnNumber;
use crate::state::{State, Turn};
use crate::task::Task;
use std::collections::BTreeSet;

pub(super) fn start_turn(
    state: &State,
    request_id: String,
    task: Task,
    model: String,
    workspace_id: String,
) -> Result<Vec<Event>, Rejection> {
    check_id("request id", &request_id)?;
    check_name("model", &model)?;
    check_name("workspace id", &workspace_id)?;
    if let Some(known) = state.turn_requests.get(&request_id) {
        if known.task_digest == task.digest() {
            return Ok(Vec::new());
        }
        return Err(Rejection::conflict(
            format!(
                "request {request_id} started turn {} for another task",
                known.turn
            ),
            "use a new request id for a new prompt",
        ));
    }
    if let Some(turn) = &state.turn {
        return Err(Rejection::conflict(
            format!("turn {} still runs", turn.number),
            "wait for it or cancel it",
        ));
    }
    let Some(turn) = state.turns.checked_add(1) else {
        return Err(Rejection::new(
            "limit_reached",
            "the session has no turn number left",
            "fork it to go on",
        ));
    };
    Ok(vec![Event::TurnStarted {
        turn,
        request_id,
        task,
        model,
        workspace_id,
    }])
}

/// The commands that only the node running the turn may give.
pub(super) fn decide_for_node(
    state: &State,
    turn: &Turn,
    command: Command,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::IntendModelCall {
            call_id,
            model,
            prompt_tokens,
            prompt_digest,
        } => {
            check_id("call id", &call_id)?;
            check_name("model", &model)?;
            no_open_calls(turn, "the model is asked again")?;
            Ok(vec![Event::ModelCallIntended {
                turn: turn.number,
                call_id,
                model,
                prompt_tokens,
                prompt_digest,
            }])
        }
        Command::RecordModelReply {
            call_id,
            provider,
            content,
            stop,
            usage,
        } => {
            need_open_model_call(turn, &call_id)?;
            Ok(vec![Event::ModelReplied {
                turn: turn.number,
                call_id,
                provider,
                content,
                stop,
                usage,
            }])
        }
        Command::RecordModelFailure {
            call_id,
            code,
            message,
            retryable,
        } => {
            need_open_model_call(turn, &call_id)?;
            Ok(vec![Event::ModelCallFailed {
                turn: turn.number,
                call_id,
                code,
                message,
                retryable,
            }])
        }
        Command::IntendToolCalls { calls } => intend_tool_calls(state, turn, calls),
        _ => Err(Rejection::invalid(
            "not a step of a turn",
            "this is a defect of the caller",
        )),
    }
}

fn intend_tool_calls(
    state: &State,
    turn: &Turn,
    calls: Vec<ToolCallIntent>,
) -> Result<Vec<Event>, Rejection> {
    if calls.is_empty() || calls.len() > TOOL_CALLS_PER_REPLY_MAX {
        return Err(Rejection::new(
            "limit_reached",
            format!(
                "{} tool calls at once, not 1 to {TOOL_CALLS_PER_REPLY_MAX}",
                calls.len()
            ),
            "ask for fewer calls in one reply",
        ));
    }
    if turn.open_model_call.is_some() {
        return Err(Rejection::conflict(
            "the model has not answered yet",
            "record the reply before its tool calls",
        ));
    }
    let mut ids = BTreeSet::new();
    for call in &calls {
        check_id("call id", &call.call_id)?;
        let known = state.finished_calls.contains_key(&call.call_id)
            || state.abandoned_calls.contains_key(&call.call_id)
            || turn
                .open_tool_calls
                .iter()
                .any(|open| open.call_id == call.call_id);
        if known || !ids.insert(&call.call_id) {
            return Err(Rejection::conflict(
                format!("tool call {} was intended before", call.call_id),
                "give every call its own id; an open call is repeated under its id, not intended again",
            ));
        }
    }
    check_tool_uses(state, turn, &calls)?;
    let turn = turn.number;
    let intended = |call: ToolCallIntent| Event::ToolCallIntended {
        turn,
        tool_use_id: call.tool_use_id.filter(|id| *id != call.call_id),
        call_id: call.call_id,
        name: call.name,
        arguments: call.arguments,
    };
    Ok(calls.into_iter().map(intended).collect())
}

/// Keeps the conversation one that providers accept: one call per tool use, and results right after
/// the message that asked.
fn check_tool_uses(state: &State, turn: &Turn, calls: &[ToolCallIntent]) -> Result<(), Rejection> {
    let open = &turn.open_tool_calls;
    let mut taken: BTreeSet<&str> = open.iter().map(|c| c.tool_use_id.as_str()).collect();
    let asked: BTreeSet<&str> = state.unanswered_tool_uses().iter().map(|u| u.0).collect();
    let last = state.messages.last();
    let results_begun = !open.is_empty() && last.is_some_and(|m| m.role == Role::User);
    for call in calls {
        let id = call.tool_use_id.as_ref().unwrap_or(&call.call_id).as_str();
        if !taken.insert(id) {
            return Err(Rejection::conflict(
                format!("tool use {id} is answered by another open call"),
                "one call answers one tool use",
            ));
        }
        if results_begun && !asked.contains(id) {
            return Err(Rejection::conflict(
                format!("the model did not ask for {id}, and its own calls are half done"),
                "finish the open calls first",
            ));
        }
    }
    Ok(())
}

pub(super) fn decide_approval(
    state: &State,
    call_id: String,
    granted: bool,
    reason: String,
    actor: &Actor,
) -> Result<Vec<Event>, Rejection> {
    if granted {
        need_user(actor, "grant an approval")?;
    }
    let turn = super::running(state)?;
    let open = turn.open_tool_calls.iter().find(|c| c.call_id == call_id);
    let Some(call) = open else {
        return Err(unknown_call(&call_id));
    };
    match &call.approval {
        Some(known) if known.granted == granted => Ok(Vec::new()),
        Some(known) => Err(Rejection::conflict(
            format!("{} decided tool call {call_id} before", known.by),
            "the first answer stands",
        )),
        None => Ok(vec![Event::ApprovalDecided {
            turn: turn.number,
            call_id,
            granted,
            by: actor.to_string(),
            reason,
        }]),
    }
}

pub(super) fn finish_tool_call(
    state: &State,
    call_id: String,
    outcome: ToolCallOutcome,
) -> Result<Vec<Event>, Rejection> {
    if !matches!(outcome.status.as_str(), "ok" | "failed" | "denied") {
        return Err(Rejection::invalid(
            format!("{:?} is no status of a tool call", outcome.status),
            "use ok, failed or denied",
        ));
    }
    let known = state.finished_calls.get(&call_id);
    let Some(turn) = turn_of_call(state, &call_id).or(known.map(|_| 0)) else {
        return Err(unknown_call(&call_id));
    };
    let event = Event::ToolCallFinished {
        turn,
        call_id: call_id.clone(),
        status: outcome.status,
        output: outcome.output,
        accesses: outcome.accesses,
        changes: outcome.changes,
        verdict: outcome.verdict,
    };
    match known {
        None => Ok(vec![event]),
        Some(digest) if *digest == outcome_digest(&event) => Ok(Vec::new()),
        Some(_) => Err(Rejection::conflict(
            format!("tool call {call_id} ended before with another outcome"),
            "the first outcome stands; an executor must answer a repeat from its ledger",
        )),
    }
}

fn turn_of_call(state: &State, call_id: &str) -> Option<TurnNumber> {
    let open = state.turn.as_ref().and_then(|turn| {
        let mut calls = turn.open_tool_calls.iter();
        calls
            .find(|call| call.call_id == call_id)
            .map(|_| turn.number)
    });
    open.or_else(|| state.abandoned_calls.get(call_id).map(|call| call.turn))
}

pub(super) fn finish_turn(turn: &Turn, end: TurnEnd) -> Result<Vec<Event>, Rejection> {
    if end == TurnEnd::Completed {
        no_open_calls(turn, "the turn is completed")?;
    }
    Ok(vec![Event::TurnFinished {
        turn: turn.number,
        end,
    }])
}

fn no_open_calls(turn: &Turn, before: &str) -> Result<(), Rejection> {
    let id = match (&turn.open_model_call, turn.open_tool_calls.first()) {
        (Some(call), _) => &call.call_id,
        (None, Some(call)) => &call.call_id,
        (None, None) => return Ok(()),
    };
    Err(Rejection::conflict(
        format!("call {id} has no outcome yet"),
        format!("record its outcome before {before}"),
    ))
}

fn need_open_model_call(turn: &Turn, call_id: &str) -> Result<(), Rejection> {
    match &turn.open_model_call {
        Some(open) if open.call_id == call_id => Ok(()),
        Some(open) => Err(Rejection::conflict(
            format!("the open model call is {}, not {call_id}", open.call_id),
            "record the outcome of the call that was intended last",
        )),
        None => Err(Rejection::conflict(
            format!("model call {call_id} is not open"),
            "intend the call first",
        )),
    }
}

fn unknown_call(call_id: &str) -> Rejection {
    Rejection::new(
        "not_found",
        format!("tool call {call_id} was not intended or is not open"),
        "intend the call before its outcome",
    )
}
