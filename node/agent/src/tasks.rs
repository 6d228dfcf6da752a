//! Every task the agent starts: its name, its owner and its end.

use crate::agent::{Agent, Dependencies};
use crate::error::Error;
use crate::frames::AttachmentId;
use crate::session_actor::{Message, ModelFailure, SessionActor};
use aiex_llm::{ErrorKind, Gateway, ModelRequest, StreamEvent};
use aiex_session::SessionId;
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Runs one session's actor. Owner: the agent's table. Ends: idle, refused by the log, or shutdown.
#[allow(clippy::disallowed_methods, reason = "the crate's one place to spawn")]
pub(crate) fn session_actor(
    agent: Agent,
    dependencies: Arc<Dependencies>,
    session: SessionId,
    mailbox: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
    stopping: CancellationToken,
) {
    let (sender, receiver) = mailbox;
    let weak = sender.downgrade();
    let span = tracing::info_span!("session", session = %session);
    let tracker = agent.tracker();
    tracker.spawn(
        async move {
            match SessionActor::load(dependencies, session, receiver, weak, stopping).await {
                Ok(actor) => actor.run().await,
                Err(failed) => refuse_waiting(failed.mailbox, failed.error).await,
            }
            agent.forget(session, &sender);
        }
        .instrument(span),
    );
}

/// Tells everyone who was waiting for the session why it could not be loaded.
async fn refuse_waiting(mut mailbox: mpsc::Receiver<Message>, error: Error) {
    mailbox.close();
    while let Some(message) = mailbox.recv().await {
        match message {
            Message::Attach { reply, .. } => {
                let _ = reply.send(Err(error.clone()));
            }
            Message::Archive { reply, .. } => {
                let _ = reply.send(Err(error.clone()));
            }
            _ => {}
        }
    }
}

/// Reads one answer of a model. Owner: the session's actor, by `cancel`. Ends: with the answer.
#[allow(clippy::disallowed_methods, reason = "the crate's one place to spawn")]
pub(crate) fn model_call(
    gateway: Arc<Gateway>,
    request: ModelRequest,
    call_id: String,
    mailbox: mpsc::Sender<Message>,
    cancel: CancellationToken,
) {
    let span = tracing::info_span!("model_call", call_id = %call_id, model = %request.model);
    tokio::spawn(
        async move {
            let work = read_answer(&gateway, request, &call_id, &mailbox);
            let outcome = tokio::select! {
                () = cancel.cancelled() => return,
                outcome = work => outcome,
            };
            if let Err(failure) = outcome {
                let _ = mailbox
                    .send(Message::ModelFailed { call_id, failure })
                    .await;
            }
        }
        .instrument(span),
    );
}

async fn read_answer(
    gateway: &Gateway,
    request: ModelRequest,
    call_id: &str,
    mailbox: &mpsc::Sender<Message>,
) -> Result<(), ModelFailure> {
    let mut stream = gateway.call(request).await.map_err(model_failure)?;
    while let Some(event) = stream.next().await {
        let event = event.map_err(model_failure)?;
        let last = matches!(event, StreamEvent::Finished(_));
        let message = Message::ModelSpoke {
            call_id: call_id.to_owned(),
            event,
        };
        if mailbox.send(message).await.is_err() || last {
            return Ok(());
        }
    }
    Err(ModelFailure {
        code: "provider_failed".to_owned(),
        message: "the answer ended before it was whole".to_owned(),
        hint: "try again".to_owned(),
        retryable: true,
    })
}

fn model_failure(error: aiex_llm::Error) -> ModelFailure {
    let code = match &error.kind {
        ErrorKind::UnknownModel => "not_found",
        ErrorKind::Offline | ErrorKind::ContextTooLong | ErrorKind::Unsupported => {
            "invalid_argument"
        }
        ErrorKind::Quota => "budget_reached",
        ErrorKind::Limit { .. } => "limit_reached",
        ErrorKind::Config { .. } | ErrorKind::Template => "internal",
        _ => "provider_failed",
    };
    ModelFailure {
        code: code.to_owned(),
        retryable: error.retryable(),
        message: error.message,
        hint: error.hint,
    }
}

/// Numbers attachments; the newest executor is the one with the highest number.
#[derive(Debug, Default)]
pub(crate) struct AttachmentNumbers(std::sync::atomic::AtomicU64);

impl AttachmentNumbers {
    pub(crate) fn next(&self) -> AttachmentId {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}
