//! One session at work on this node: the only writer of its events, the hub of its clients.
//!
//! A loop over a mailbox. After each message it takes the steps that [`crate::turn`] decides until it has to wait.
//! It ends when nobody is attached and no turn can make progress, and by itself at shutdown; the next use starts it again from the log.

mod model_calls;
mod steps;
mod tool_calls;

use crate::agent::Dependencies;
use crate::error::Error;
use crate::frames::{AttachmentId, ExecutorInfo, Incoming, Outgoing, Prompt};
use crate::sessions::read_all;
use crate::turn_log;
use aiex_llm::StreamEvent;
use aiex_session::{
    Actor, Append, Command, Event, ExpectedSeq, Recorded, Rejection, Seq, SessionId, State, Task,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Messages that may wait for the actor.
pub(crate) const MAILBOX_MAX: usize = 256;
/// How often limits by the clock are looked at while nothing arrives.
const TICK: Duration = Duration::from_secs(2);

/// What an actor is told.
pub(crate) enum Message {
    Attach {
        attachment: AttachmentId,
        executor: Option<ExecutorInfo>,
        frames: mpsc::Sender<Outgoing>,
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
    },
    Archive {
        user: String,
        reply: oneshot::Sender<Result<(), Error>>,
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

struct Client {
    executor: Option<ExecutorInfo>,
    frames: mpsc::Sender<Outgoing>,
}

/// A running call, ended by its token.
struct ModelCall {
    call_id: String,
    cancel: CancellationToken,
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
    /// Which executor was handed a call.
    dispatched: BTreeMap<String, AttachmentId>,
    /// Which clients were asked about a call.
    asked: BTreeSet<(String, AttachmentId)>,
    stopping: CancellationToken,
}

impl SessionActor {
    /// Loads the session from its log.
    ///
    /// # Errors
    /// [`LoadFailed`] with [`Error::SessionNotFound`] or the store's error, and the mailbox to answer.
    pub(crate) async fn load(
        dependencies: Arc<Dependencies>,
        session: SessionId,
        mailbox: mpsc::Receiver<Message>,
        own_mailbox: mpsc::WeakSender<Message>,
        stopping: CancellationToken,
    ) -> Result<Self, LoadFailed> {
        let state = match load_state(&dependencies, session).await {
            Ok(state) => state,
            Err(error) => return Err(LoadFailed { error, mailbox }),
        };
        Ok(Self {
            dependencies,
            session,
            state,
            mailbox,
            own_mailbox,
            clients: BTreeMap::new(),
            model_call: None,
            dispatched: BTreeMap::new(),
            asked: BTreeSet::new(),
            stopping,
        })
    }

    /// Runs until the session has nothing to do here, the log refuses, or the node stops.
    pub(crate) async fn run(mut self) {
        let idle = Duration::from_millis(self.dependencies.config.idle_ms_max);
        let mut idle_for = Duration::ZERO;
        loop {
            if let Err(error) = self.advance().await {
                tracing::warn!(session = %self.session, %error, "session is put away");
                self.refuse_all(&error);
                break;
            }
            let received = tokio::select! {
                () = self.stopping.cancelled() => break,
                received = tokio::time::timeout(TICK, self.mailbox.recv()) => received,
            };
            match received {
                Ok(Some(message)) => {
                    idle_for = Duration::ZERO;
                    if let Err(error) = self.receive(message).await {
                        tracing::warn!(session = %self.session, %error, "session is put away");
                        self.refuse_all(&error);
                        break;
                    }
                }
                Ok(None) => break,
                Err(_tick) => {
                    self.clients.retain(|_, client| !client.frames.is_closed());
                    idle_for += TICK;
                    if self.clients.is_empty() && self.model_call.is_none() && idle_for >= idle {
                        break;
                    }
                }
            }
        }
        self.end_model_call();
    }

    async fn receive(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Attach {
                attachment,
                executor,
                frames,
                reply,
            } => {
                if reply.send(Ok(self.state.head)).is_ok() {
                    self.clients.insert(attachment, Client { executor, frames });
                }
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
            } => self.receive_from_client(attachment, user, incoming).await,
            Message::Archive { user, reply } => {
                let outcome = self.command(Command::Archive, &Actor::User(user)).await;
                let _ = reply.send(outcome.map(|_| ()));
                Ok(())
            }
            Message::ModelSpoke { call_id, event } => self.model_spoke(&call_id, event).await,
            Message::ModelFailed { call_id, failure } => self.model_failed(&call_id, failure).await,
        }
    }

    async fn receive_from_client(
        &mut self,
        attachment: AttachmentId,
        user: String,
        incoming: Incoming,
    ) -> Result<(), Error> {
        let outcome = match incoming {
            Incoming::Prompt(prompt) => self.start_turn(attachment, prompt, &user).await,
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
                self.command(command, &Actor::User(user)).await.map(|_| ())
            }
            Incoming::CancelTurn { reason } => self.cancel_turn(reason, &user).await,
        };
        match outcome {
            Err(Error::Rejected {
                code,
                message,
                hint,
            }) => {
                self.send(attachment, refused(code, message, hint));
                Ok(())
            }
            other => other,
        }
    }

    async fn start_turn(
        &mut self,
        attachment: AttachmentId,
        prompt: Prompt,
        user: &str,
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
        self.command(command, &Actor::User(user.to_owned()))
            .await
            .map(|_| ())
    }

    async fn cancel_turn(&mut self, reason: String, user: &str) -> Result<(), Error> {
        self.end_model_call();
        let end = aiex_session::TurnEnd::Cancelled { reason };
        self.command(Command::FinishTurn { end }, &Actor::User(user.to_owned()))
            .await
            .map(|_| ())
    }

    /// Decides one command and commits what it comes to.
    async fn command(&mut self, command: Command, actor: &Actor) -> Result<usize, Error> {
        self.commands(vec![command], actor).await
    }

    /// Decides commands one after the other and commits all their events in one append.
    async fn commands(&mut self, commands: Vec<Command>, actor: &Actor) -> Result<usize, Error> {
        let now = self.dependencies.clock.now_unix_ms();
        let mut ahead = self.state.clone();
        let mut events: Vec<Event> = Vec::new();
        for command in commands {
            for event in aiex_session::decide(&ahead, command, actor).map_err(rejected)? {
                ahead.evolve(&Recorded {
                    seq: ahead.head.saturating_add(1),
                    at_unix_ms: now,
                    actor: actor.to_string(),
                    event: event.clone(),
                });
                events.push(event);
            }
        }
        if events.is_empty() {
            return Ok(0);
        }
        let count = events.len();
        self.commit(events, actor, now).await?;
        Ok(count)
    }

    /// Appends, then evolves and tells the clients: an event is shown only after it is committed.
    async fn commit(&mut self, events: Vec<Event>, actor: &Actor, now: i64) -> Result<(), Error> {
        let append = Append {
            session: self.session,
            expected: ExpectedSeq::Exact(self.state.head),
            request_id: uuid::Uuid::now_v7().to_string(),
            actor: actor.to_string(),
            at_unix_ms: now,
            events: events.clone(),
        };
        let appended = self.append_with_retry(append).await?;
        for (seq, event) in (appended.first_seq..).zip(events) {
            let recorded = Recorded {
                seq,
                at_unix_ms: now,
                actor: actor.to_string(),
                event,
            };
            self.state.evolve(&recorded);
            turn_log::tell(&recorded.event, &recorded.actor);
            self.broadcast(&Outgoing::Event(recorded));
        }
        Ok(())
    }

    /// Repeats an append under its own id while the shard has no leader, for a bounded time.
    async fn append_with_retry(&self, append: Append) -> Result<aiex_session::Appended, Error> {
        const ATTEMPTS: u32 = 6;
        let mut pause = Duration::from_millis(50);
        for _ in 1..ATTEMPTS {
            match self.dependencies.store.append(append.clone()).await {
                Err(aiex_session::StoreError::Unavailable(_)) => tokio::time::sleep(pause).await,
                other => return Ok(other?),
            }
            pause *= 2;
        }
        Ok(self.dependencies.store.append(append).await?)
    }

    fn broadcast(&mut self, frame: &Outgoing) {
        let attachments: Vec<AttachmentId> = self.clients.keys().copied().collect();
        for attachment in attachments {
            self.send(attachment, frame.clone());
        }
    }

    /// Sends to one client; a client that does not read is let go.
    fn send(&mut self, attachment: AttachmentId, frame: Outgoing) {
        let Some(client) = self.clients.get(&attachment) else {
            return;
        };
        if client.frames.try_send(frame).is_err() {
            self.forget_client(attachment);
        }
    }

    fn forget_client(&mut self, attachment: AttachmentId) {
        self.clients.remove(&attachment);
        self.dispatched.retain(|_, holder| *holder != attachment);
        self.asked.retain(|(_, asked)| *asked != attachment);
    }

    fn refuse_all(&mut self, error: &Error) {
        let frame = Outgoing::Refused {
            code: "unavailable".to_owned(),
            message: error.to_string(),
            hint: "attach again; nothing that was shown as done is lost".to_owned(),
            retryable: true,
        };
        self.broadcast(&frame);
    }

    fn task(&self) -> Option<&Task> {
        self.state.turn.as_ref().map(|turn| &turn.task)
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

fn refused(code: String, message: String, hint: String) -> Outgoing {
    Outgoing::Refused {
        code,
        message,
        hint,
        retryable: false,
    }
}

fn rejected(rejection: Rejection) -> Error {
    Error::Rejected {
        code: rejection.code.to_owned(),
        message: rejection.message,
        hint: rejection.hint,
    }
}
