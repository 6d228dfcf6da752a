//! One session at work on this node: the only writer of its events, the hub of its clients.
//!
//! A loop over a mailbox. After each message it takes the steps that [`crate::turn`] decides until it has to wait.
//! It ends when nobody is attached and no turn can make progress, and by itself at shutdown; the next use starts it again from the log.

mod clients;
mod commits;
mod model_calls;
mod steps;
mod tool_calls;

use crate::agent::Dependencies;
use crate::error::Error;
use crate::frame_queue::FrameSender;
use crate::frames::{AttachmentId, ExecutorInfo, Incoming, Prompt};
use crate::metrics::{self, Counted};
use crate::prompt::Prepared;
use crate::sessions::read_all;
use aiex_llm::StreamEvent;
use aiex_session::{Actor, Command, Seq, SessionId, State, Status, Task, TurnEnd};
pub use clients::ATTACHMENTS_PER_SESSION_MAX;
use clients::Client;
use model_calls::ModelCall;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tool_calls::Dispatched;
use tracing::{Instrument, Span};

/// Messages that may wait for the actor.
pub(crate) const MAILBOX_MAX: usize = 256;
/// How often limits by the clock are looked at while nothing arrives.
const TICK: Duration = Duration::from_secs(2);

/// What an actor is told.
pub(crate) enum Message {
    Attach {
        attachment: AttachmentId,
        executor: Option<ExecutorInfo>,
        frames: FrameSender,
        /// Answered with the head at the moment of attaching.
        reply: oneshot::Sender<Result<Seq, Error>>,
    },
    Detach {
        attachment: AttachmentId,
    },
    FromClient {
        attachment: AttachmentId,
        user: String,
        incoming: Incoming,
        /// The call the frame came with; a turn it starts belongs to the caller's trace.
        caller: Span,
    },
    Archive {
        user: String,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    ModelPrepared {
        call_id: String,
        prepared: Result<Prepared, ModelFailure>,
    },
    ModelSpoke {
        call_id: String,
        event: StreamEvent,
    },
    ModelFailed {
        call_id: String,
        failure: ModelFailure,
    },
}

/// A model call that came to nothing, in the contract's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelFailure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) retryable: bool,
}

/// The place an actor works in: what it stands on, its own mailbox, and what ends it.
pub(crate) struct Workplace {
    pub(crate) dependencies: Arc<Dependencies>,
    pub(crate) session: SessionId,
    pub(crate) own_mailbox: mpsc::WeakSender<Message>,
    pub(crate) stopping: CancellationToken,
    pub(crate) tracker: TaskTracker,
}

/// The actor's memory. Everything but `state` may be lost with the node.
pub(crate) struct SessionActor {
    dependencies: Arc<Dependencies>,
    session: SessionId,
    state: State,
    mailbox: mpsc::Receiver<Message>,
    own_mailbox: mpsc::WeakSender<Message>,
    clients: BTreeMap<AttachmentId, Client>,
    model_call: Option<ModelCall>,
    /// Which executor was handed a call of the running turn.
    dispatched: BTreeMap<String, Dispatched>,
    /// Which clients were asked about a call of the running turn.
    asked: BTreeSet<(String, AttachmentId)>,
    /// The running turn, for logs and traces.
    turn_span: Option<Span>,
    stopping: CancellationToken,
    tracker: TaskTracker,
    _counted: Counted,
}

impl SessionActor {
    /// Loads the session from its log.
    ///
    /// # Errors
    /// [`LoadFailed`] with [`Error::SessionNotFound`] or the store's error, and the mailbox to answer.
    pub(crate) async fn load(
        workplace: Workplace,
        mailbox: mpsc::Receiver<Message>,
    ) -> Result<Self, LoadFailed> {
        let Workplace {
            dependencies,
            session,
            own_mailbox,
            stopping,
            tracker,
        } = workplace;
        let state = match load_state(&dependencies, session).await {
            Ok(state) => state,
            Err(error) => return Err(LoadFailed { error, mailbox }),
        };
        let mut actor = Self {
            dependencies,
            session,
            state,
            mailbox,
            own_mailbox,
            clients: BTreeMap::new(),
            model_call: None,
            dispatched: BTreeMap::new(),
            asked: BTreeSet::new(),
            turn_span: None,
            stopping,
            tracker,
            _counted: Counted::one(metrics::SESSIONS_AT_WORK),
        };
        // a turn taken over has no caller any more
        actor.follow_turn(&Span::none());
        Ok(actor)
    }

    /// Runs until the session has nothing to do here, the log refuses, or the node stops.
    pub(crate) async fn run(mut self) {
        if let Err(error) = self.serve().await {
            tracing::warn!(%error, "session is put away");
            self.refuse_all(&error);
        }
        self.end_model_call();
    }

    async fn serve(&mut self) -> Result<(), Error> {
        let idle = Duration::from_millis(self.dependencies.config.idle_ms_max);
        let mut idle_for = Duration::ZERO;
        loop {
            // a message comes before the first step: who made this actor start hears of what the steps do
            let received = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(()),
                received = tokio::time::timeout(TICK, self.mailbox.recv()) => received,
            };
            match received {
                Ok(Some(message)) => {
                    idle_for = Duration::ZERO;
                    let span = self.span();
                    self.receive(message).instrument(span).await?;
                }
                Ok(None) => return Ok(()),
                Err(_tick) => {
                    self.look_after_clients();
                    idle_for += TICK;
                    if self.clients.is_empty() && self.model_call.is_none() && idle_for >= idle {
                        return Ok(());
                    }
                }
            }
            let span = self.span();
            self.advance().instrument(span).await?;
        }
    }

    async fn receive(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Attach {
                attachment,
                executor,
                frames,
                reply,
            } => {
                self.attach(attachment, executor, frames, reply);
                Ok(())
            }
            Message::Detach { attachment } => {
                self.forget_client(attachment);
                Ok(())
            }
            Message::FromClient {
                attachment,
                user,
                incoming,
                caller,
            } => {
                let outcome = self.obey(attachment, &user, incoming, &caller).await;
                self.refuse_or_fail(attachment, outcome)
            }
            Message::Archive { user, reply } => self.archive(user, reply).await,
            Message::ModelPrepared { call_id, prepared } => {
                self.model_prepared(&call_id, prepared).await
            }
            Message::ModelSpoke { call_id, event } => self.model_spoke(&call_id, event).await,
            Message::ModelFailed { call_id, failure } => self.model_failed(&call_id, failure).await,
        }
    }

    async fn obey(
        &mut self,
        attachment: AttachmentId,
        user: &str,
        incoming: Incoming,
        caller: &Span,
    ) -> Result<(), Error> {
        match incoming {
            Incoming::Prompt(prompt) => self.start_turn(attachment, prompt, user, caller).await,
            Incoming::ToolResult { call_id, outcome } => {
                self.tool_answered(&call_id, &outcome).await
            }
            Incoming::ApprovalAnswer {
                call_id,
                granted,
                reason,
            } => {
                let command = Command::DecideApproval {
                    call_id,
                    granted,
                    reason,
                };
                self.command(command, &Actor::User(user.to_owned())).await
            }
            Incoming::CancelTurn { reason } => self.cancel_turn(reason, user).await,
        }
    }

    async fn start_turn(
        &mut self,
        attachment: AttachmentId,
        prompt: Prompt,
        user: &str,
        caller: &Span,
    ) -> Result<(), Error> {
        let executor_workspace = self
            .clients
            .get(&attachment)
            .and_then(|client| client.executor.as_ref())
            .map(|executor| executor.workspace_id.clone())
            .unwrap_or_default();
        let workspace_id = match prompt.workspace_id.as_str() {
            "" => executor_workspace,
            _ => prompt.workspace_id,
        };
        let model = self.dependencies.model_for(&prompt.task, &prompt.model)?;
        let command = Command::StartTurn {
            request_id: prompt.request_id,
            task: prompt.task,
            model,
            workspace_id,
        };
        self.command(command, &Actor::User(user.to_owned())).await?;
        self.follow_turn(caller);
        Ok(())
    }

    async fn cancel_turn(&mut self, reason: String, user: &str) -> Result<(), Error> {
        let end = TurnEnd::Cancelled { reason };
        let command = Command::FinishTurn { end };
        self.command(command, &Actor::User(user.to_owned())).await?;
        // only now: a cancel that is refused must not cost the answer
        self.end_model_call();
        Ok(())
    }

    /// A repeat finds the session archived and is content: the first answer may have been lost.
    async fn archive(
        &mut self,
        user: String,
        reply: oneshot::Sender<Result<(), Error>>,
    ) -> Result<(), Error> {
        let outcome = match self.state.status {
            Status::Archived => Ok(()),
            _ => self.command(Command::Archive, &Actor::User(user)).await,
        };
        let _ = reply.send(outcome.clone());
        match outcome {
            Err(Error::Rejected { .. }) => Ok(()),
            other => other,
        }
    }

    fn task(&self) -> Option<&Task> {
        self.state.turn.as_ref().map(|turn| &turn.task)
    }

    /// What lines about the present work stand in: the turn, or the session when none runs.
    fn span(&self) -> Span {
        self.turn_span.clone().unwrap_or_else(Span::current)
    }

    /// Gives a turn that runs and has no span one of its own, below `caller`.
    fn follow_turn(&mut self, caller: &Span) {
        let Some(turn) = &self.state.turn else { return };
        if self.turn_span.is_some() {
            return;
        }
        let span = tracing::info_span!(
            parent: caller,
            "turn",
            session = %self.session,
            shard = tracing::field::Empty,
            turn = turn.number,
            request = turn.request_id,
        );
        if let Some(shard) = self.dependencies.shard_of(self.session) {
            span.record("shard", shard);
        }
        self.turn_span = Some(span);
    }
}

/// Why an actor did not start, with the messages that were waiting for it.
pub(crate) struct LoadFailed {
    pub(crate) error: Error,
    pub(crate) mailbox: mpsc::Receiver<Message>,
}

/// Replays the session's log.
async fn load_state(dependencies: &Dependencies, session: SessionId) -> Result<State, Error> {
    let events = read_all(dependencies, session).await?;
    Ok(State::replay(&events))
}
