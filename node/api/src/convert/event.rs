//! Events and frames, to and from the wire.

use crate::convert::error::Refusal;
use aiex_agent::{DeltaKind, ExecutorInfo, Incoming, Outgoing, Prompt};
use aiex_proto::v1;
use aiex_session::{Recorded, Task};

/// One committed event.
pub(crate) fn event_to_wire(recorded: &Recorded) -> Result<v1::SessionEvent, Refusal> {
    let payload = serde_json::to_string(&recorded.event).map_err(unencodable)?;
    Ok(v1::SessionEvent {
        seq: recorded.seq,
        at_unix_ms: recorded.at_unix_ms,
        actor: recorded.actor.clone(),
        schema_version: recorded.event.schema_version(),
        r#type: recorded.event.event_type().to_owned(),
        payload_json: payload,
    })
}

fn unencodable(error: serde_json::Error) -> Refusal {
    tracing::error!(%error, "an event cannot be encoded");
    Refusal::new(
        aiex_proto::code::ErrorCode::Internal,
        "an event cannot be encoded",
        "see the log of the node",
    )
}

/// A frame for the client.
pub(crate) fn outgoing_to_wire(outgoing: Outgoing) -> Result<v1::ServerFrame, Refusal> {
    use v1::server_frame::Frame;
    let frame = match outgoing {
        Outgoing::Event(recorded) => Frame::Event(event_to_wire(&recorded)?),
        Outgoing::Delta { turn, kind, text } => Frame::Delta(v1::Delta {
            turn,
            kind: delta_kind(kind).into(),
            text,
        }),
        Outgoing::ToolCall {
            call_id,
            name,
            arguments,
            deadline_ms,
        } => Frame::ToolCall(v1::ToolCall {
            call_id,
            name,
            arguments_json: arguments,
            deadline_ms,
        }),
        Outgoing::ApprovalRequest {
            call_id,
            name,
            arguments,
            reason,
        } => Frame::ApprovalRequest(v1::ApprovalRequest {
            call_id,
            name,
            arguments_json: arguments,
            reason,
        }),
        Outgoing::CaughtUp { seq } => Frame::CaughtUp(v1::CaughtUp { seq }),
        Outgoing::AnswerRestarted { turn } => Frame::AnswerRestarted(v1::AnswerRestarted { turn }),
        Outgoing::Refused {
            code,
            message,
            hint,
            retryable,
        } => Frame::Error(v1::StreamError {
            code,
            message,
            hint,
            retryable,
        }),
    };
    Ok(v1::ServerFrame { frame: Some(frame) })
}

const fn delta_kind(kind: DeltaKind) -> v1::delta::Kind {
    match kind {
        DeltaKind::Text => v1::delta::Kind::Text,
        DeltaKind::Thinking => v1::delta::Kind::Thinking,
        DeltaKind::Progress => v1::delta::Kind::Progress,
    }
}

/// A refusal inside a stream that stays open.
pub(crate) fn refusal_to_wire(refusal: Refusal) -> v1::ServerFrame {
    let retryable = refusal.retryable();
    v1::ServerFrame {
        frame: Some(v1::server_frame::Frame::Error(v1::StreamError {
            code: refusal.code.as_str().to_owned(),
            message: refusal.message,
            hint: refusal.hint,
            retryable,
        })),
    }
}

/// A client's frame after the first.
pub(crate) fn incoming_from_wire(frame: v1::ClientFrame) -> Result<Incoming, Refusal> {
    use v1::client_frame::Frame;
    match frame.frame {
        Some(Frame::Prompt(prompt)) => Ok(Incoming::Prompt(prompt_from_wire(prompt)?)),
        Some(Frame::ToolResult(result)) => Ok(Incoming::ToolResult {
            call_id: result.call_id,
            outcome: result.outcome_json,
        }),
        Some(Frame::ApprovalAnswer(answer)) => Ok(Incoming::ApprovalAnswer {
            call_id: answer.call_id,
            granted: answer.granted,
            reason: answer.reason,
        }),
        Some(Frame::CancelTurn(cancel)) => Ok(Incoming::CancelTurn {
            reason: cancel.reason,
        }),
        Some(Frame::Open(_)) => Err(Refusal::invalid(
            "the stream is open already",
            "send Open once, as the first frame",
        )),
        None => Err(Refusal::invalid(
            "an empty frame",
            "the client may be newer than the node; upgrade the node",
        )),
    }
}

fn prompt_from_wire(prompt: v1::Prompt) -> Result<Prompt, Refusal> {
    let task: Task = serde_json::from_str(&prompt.task_json).map_err(|error| {
        Refusal::invalid(
            format!("the task cannot be read: {error}"),
            "the client may be newer than the node; upgrade the node",
        )
    })?;
    Ok(Prompt {
        request_id: prompt.request_id,
        task,
        model: prompt.model,
        workspace_id: prompt.workspace_id,
    })
}

/// The executor a client brings along.
pub(crate) fn executor_from_wire(executor: v1::Executor) -> ExecutorInfo {
    ExecutorInfo {
        executor_id: executor.executor_id,
        tools: executor.tools,
        workspace_id: executor.workspace_id,
        elixir_available: executor.elixir_available,
        sandbox_tier: executor.sandbox_tier,
    }
}
