//! Whether a command may happen, and what happens then. Pure: no clock, no ids of its own.

mod turn_rules;

use crate::command::{Actor, Command, Rejection};
use crate::event::{Content, Event};
use crate::state::{State, Status, Turn};

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest request id, call id, model, project, owner or workspace id, in bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Most tool calls of one reply.
pub const TOOL_CALLS_PER_REPLY_MAX: usize = 128;

/// Decides a command against the state: the events that then happen, none when it already happened.
///
/// # Errors
/// A [`Rejection`] when the command does not fit the state, is over a limit, or is not this actor's to give.
pub fn decide(state: &State, command: Command, actor: &Actor) -> Result<Vec<Event>, Rejection> {
    if let Command::CreateSession {
        title,
        project,
        owner,
        forked_from,
    } = command
    {
        if state.status != Status::Absent {
            let hint = "choose a new session id, or attach to the existing session";
            return Err(Rejection::conflict("the session exists already", hint));
        }
        check_title(&title)?;
        check_name("project", &project)?;
        check_name("owner", &owner)?;
        return Ok(vec![Event::SessionCreated {
            title,
            project,
            owner,
            forked_from,
        }]);
    }
    check_open(state)?;
    match command {
        Command::CreateSession { .. } => Ok(Vec::new()),
        Command::Retitle { title } => retitle(state, title),
        Command::Archive => archive(state),
        Command::StartTurn {
            request_id,
            task,
            model,
            workspace_id,
        } => {
            need_user(actor, "start a turn")?;
            turn_rules::start_turn(state, request_id, task, model, workspace_id)
        }
        Command::DecideApproval {
            call_id,
            granted,
            reason,
        } => turn_rules::decide_approval(state, call_id, granted, reason, actor),
        Command::FinishToolCall { call_id, outcome } => {
            turn_rules::finish_tool_call(state, call_id, outcome)
        }
        Command::FinishTurn { end } => turn_rules::finish_turn(running(state)?, end),
        node_only => {
            need_node(actor)?;
            turn_rules::decide_for_node(state, running(state)?, node_only)
        }
    }
}

/// Digest of what a call came to: equal for inline content and the same content in a blob.
pub(crate) fn outcome_digest(event: &Event) -> String {
    let Event::ToolCallFinished {
        status,
        output,
        accesses,
        changes,
        verdict,
        ..
    } = event
    else {
        return String::new();
    };
    let key = |content: &Content| content.hash();
    let changes: Vec<_> = changes
        .iter()
        .map(|c| {
            (
                &c.path,
                c.before.as_ref().map(key),
                c.after.as_ref().map(key),
            )
        })
        .collect();
    crate::codec::digest(&(status, output.hash(), accesses, changes, verdict))
}

fn retitle(state: &State, title: String) -> Result<Vec<Event>, Rejection> {
    check_title(&title)?;
    if title == state.title {
        return Ok(Vec::new());
    }
    Ok(vec![Event::SessionRetitled { title }])
}

fn archive(state: &State) -> Result<Vec<Event>, Rejection> {
    if let Some(turn) = &state.turn {
        return Err(Rejection::conflict(
            format!("turn {} still runs", turn.number),
            "wait for it or cancel it, then archive",
        ));
    }
    Ok(vec![Event::SessionArchived])
}

fn check_open(state: &State) -> Result<(), Rejection> {
    match state.status {
        Status::Absent => Err(Rejection::new(
            "not_found",
            "no such session",
            "list the sessions to see their ids",
        )),
        Status::Archived => Err(Rejection::conflict(
            "the session is archived",
            "fork it to go on from here",
        )),
        Status::Idle | Status::Running => Ok(()),
    }
}

fn running(state: &State) -> Result<&Turn, Rejection> {
    state
        .turn
        .as_ref()
        .ok_or_else(|| Rejection::conflict("no turn runs", "send a prompt to start one"))
}

fn need_node(actor: &Actor) -> Result<(), Rejection> {
    match actor {
        Actor::Node => Ok(()),
        Actor::User(name) => Err(Rejection::new(
            "permission_denied",
            format!("user {name} may not write the turn's own steps"),
            "only the node that runs the turn records its calls",
        )),
    }
}

fn need_user(actor: &Actor, what: &str) -> Result<(), Rejection> {
    match actor {
        Actor::User(_) => Ok(()),
        Actor::Node => Err(Rejection::new(
            "permission_denied",
            format!("a node may not {what}"),
            "this needs a person",
        )),
    }
}

fn check_title(title: &str) -> Result<(), Rejection> {
    let chars = title.chars().count();
    if chars > TITLE_CHARS_MAX {
        return Err(Rejection::new(
            "limit_reached",
            format!("the title has {chars} characters, over the limit of {TITLE_CHARS_MAX}"),
            "shorten the title",
        ));
    }
    if title.chars().any(char::is_control) {
        let hint = "use one line of plain text";
        return Err(Rejection::invalid("the title has control characters", hint));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<(), Rejection> {
    if name.len() > NAME_BYTES_MAX {
        return Err(Rejection::new(
            "limit_reached",
            format!(
                "the {what} has {} bytes, over the limit of {NAME_BYTES_MAX}",
                name.len()
            ),
            format!("shorten the {what}"),
        ));
    }
    Ok(())
}

fn check_id(what: &str, id: &str) -> Result<(), Rejection> {
    if id.is_empty() {
        let hint = "choose a unique one, for example a UUID";
        return Err(Rejection::invalid(format!("the {what} is empty"), hint));
    }
    check_name(what, id)
}
