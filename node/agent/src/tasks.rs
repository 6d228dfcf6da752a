//! Every task the agent starts: its name, its owner and its end.

use crate::agent::{Agent, Dependencies};
use crate::error::Error;
use crate::frames::AttachmentId;
use crate::prompt::{Call, prepare};
use crate::session_actor::{Message, ModelFailure, SessionActor, Workplace};
use aiex_llm::{ErrorKind, Gateway, ModelRequest, StreamEvent};
use futures_util::{FutureExt, StreamExt};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

/// Runs one session's actor. Owner: the agent's table. Ends: idle, refused by the log, or shutdown.
pub(crate) fn session_actor(
    agent: Agent,
    workplace: Workplace,
    mailbox: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
) {
    let (sender, receiver) = mailbox;
    let session = workplace.session;
    // a root: the session outlives the call that woke it
    let span = tracing::info_span!(parent: None, "session", session = %session, shard = tracing::field::Empty);
    if let Some(shard) = workplace.dependencies.shard_of(session) {
        span.record("shard", shard);
    }
    let tracker = workplace.tracker.clone();
    tracker.spawn(
        async move {
            match SessionActor::load(workplace, receiver).await {
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

/// Carries a piece of work to its end although the caller may go away in the middle. Owner: the agent.
/// Ends: with the work, which must be bounded.
///
/// # Errors
/// The work's, or [`Error::Unavailable`] when it panicked.
pub(crate) async fn to_the_end<T: Send + 'static>(
    tracker: &TaskTracker,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let done = tracker.spawn(work.in_current_span()).await;
    done.map_err(|error| Error::Unavailable(error.to_string()))?
}

/// Runs work that computes for long off the async workers. Owner: the caller. Ends: with the work.
///
/// # Errors
/// The work's, or [`Error::Unavailable`] when it panicked.
pub(crate) async fn computing<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Unavailable(error.to_string()))?
}

/// What a task of a model call tells its actor with, and what ends it.
pub(crate) struct ModelTask {
    pub(crate) call_id: String,
    pub(crate) mailbox: mpsc::Sender<Message>,
    pub(crate) cancel: CancellationToken,
    /// The span of the turn.
    pub(crate) turn: Span,
}

/// Assembles a call's prompt off the async workers: it reads files and counts tokens. Owner: the session's actor,
/// by `cancel`. Ends: with the prompt.
pub(crate) fn model_preparation(
    tracker: &TaskTracker,
    task: ModelTask,
    dependencies: Arc<Dependencies>,
    call: Call,
) {
    let span = tracing::info_span!(parent: &task.turn, "model_prompt", call = %task.call_id);
    tracker.spawn(
        async move {
            let work = tokio::task::spawn_blocking(move || prepare(&dependencies, call));
            let prepared = tokio::select! {
                () = task.cancel.cancelled() => return,
                prepared = work => prepared,
            };
            let prepared = prepared.unwrap_or_else(|error| Err(defect(&error.to_string())));
            let call_id = task.call_id;
            let message = Message::ModelPrepared { call_id, prepared };
            let _ = task.mailbox.send(message).await;
        }
        .instrument(span),
    );
}

/// Reads one answer of a model. Owner: the session's actor, by `cancel`. Ends: with the answer.
pub(crate) fn model_call(
    tracker: &TaskTracker,
    task: ModelTask,
    gateway: Arc<Gateway>,
    request: ModelRequest,
) {
    let span = tracing::info_span!(parent: &task.turn, "model_call", call = %task.call_id, model = %request.model);
    tracker.spawn(
        async move {
            let work = read_answer(&gateway, request, &task.call_id, &task.mailbox);
            // without a word from here the turn would wait for ever
            let work = AssertUnwindSafe(work).catch_unwind();
            let outcome = tokio::select! {
                () = task.cancel.cancelled() => return,
                outcome = work => outcome.unwrap_or_else(|_| Err(defect("the provider panicked"))),
            };
            if let Err(failure) = outcome {
                let call_id = task.call_id;
                let message = Message::ModelFailed { call_id, failure };
                let _ = task.mailbox.send(message).await;
            }
        }
        .instrument(span),
    );
}

fn defect(reason: &str) -> ModelFailure {
    ModelFailure {
        code: "internal".to_owned(),
        message: format!("the model was not asked to the end: {reason}"),
        hint: "see the log of the node".to_owned(),
        retryable: false,
    }
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
