//! The agent: which sessions are at work on this node, and the door to each.

use crate::attachment::Attachment;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::frame_queue::frame_queue;
use crate::frames::ExecutorInfo;
use crate::session_actor::{MAILBOX_MAX, Message, Workplace};
use crate::sessions::denied;
use crate::tasks::{self, AttachmentNumbers};
use aiex_context::WorkspaceStore;
use aiex_llm::{Gateway, OFFLINE, Templates};
use aiex_security::{Marker, Permit, SessionArchive, SessionCreate, SessionWrite};
use aiex_session::{Actor, Append, Command, EventStore, ExpectedSeq, Seq, SessionId, State, Task};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most sessions at work on one node at a time.
pub const SESSIONS_AT_WORK_MAX: usize = 10_000;

/// What the agent stands on.
pub struct Dependencies {
    pub config: Config,
    pub store: Arc<dyn EventStore>,
    pub gateway: Arc<Gateway>,
    pub workspaces: Arc<WorkspaceStore>,
    pub clock: Arc<dyn Clock>,
    pub(crate) templates: Templates,
    shard_of: Option<ShardOf>,
}

/// Tells the number of the shard that keeps a session, for logs and traces.
pub type ShardOf = Arc<dyn Fn(SessionId) -> u32 + Send + Sync>;

impl Dependencies {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When a built-in template does not parse, which its own tests exclude.
    pub fn new(
        config: Config,
        store: Arc<dyn EventStore>,
        gateway: Arc<Gateway>,
        workspaces: Arc<WorkspaceStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, aiex_llm::Error> {
        Ok(Self {
            config,
            store,
            gateway,
            workspaces,
            clock,
            templates: Templates::built_in()?,
            shard_of: None,
        })
    }

    /// Lets logs and traces name the shard of a session.
    #[must_use]
    pub fn naming_shards(mut self, shard_of: ShardOf) -> Self {
        self.shard_of = Some(shard_of);
        self
    }

    pub(crate) fn shard_of(&self, session: SessionId) -> Option<u32> {
        self.shard_of.as_ref().map(|shard_of| shard_of(session))
    }

    /// The route a task runs on: what was asked for, the default, or the offline engine for what only it does.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a model no route has.
    pub(crate) fn model_for(&self, task: &Task, wanted: &str) -> Result<String, Error> {
        match task {
            Task::RenameFunction { .. } | Task::Undo { .. } => return Ok(OFFLINE.to_owned()),
            _ if wanted.is_empty() => return Ok(self.gateway.default_model().to_owned()),
            _ => {}
        }
        let models = self.gateway.models();
        if models.iter().any(|route| route.model == wanted) {
            return Ok(wanted.to_owned());
        }
        let known: Vec<&str> = models.iter().map(|route| route.model.as_str()).collect();
        Err(Error::Rejected {
            code: "not_found".to_owned(),
            message: format!("there is no model {wanted:?}"),
            hint: format!("models of this cluster: {}", known.join(", ")),
        })
    }
}

/// The cheap handle to the agent.
#[derive(Clone)]
pub struct Agent {
    inner: Arc<Inner>,
}

struct Inner {
    dependencies: Arc<Dependencies>,
    /// Mailboxes of the sessions at work. An entry ends with its actor.
    at_work: Mutex<BTreeMap<SessionId, mpsc::Sender<Message>>>,
    numbers: AttachmentNumbers,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

impl Agent {
    /// Makes an agent with nothing at work.
    pub fn new(dependencies: Dependencies) -> Self {
        Self {
            inner: Arc::new(Inner {
                dependencies: Arc::new(dependencies),
                at_work: Mutex::new(BTreeMap::new()),
                numbers: AttachmentNumbers::default(),
                stopping: CancellationToken::new(),
                tracker: TaskTracker::new(),
            }),
        }
    }

    /// Opens a session; a repeat with the same id and fields changes nothing.
    ///
    /// # Errors
    /// The aggregate's refusal or the store's.
    pub async fn create(
        &self,
        permit: &Permit<SessionCreate>,
        session: SessionId,
        title: String,
        project: String,
    ) -> Result<Seq, Error> {
        let dependencies = &self.inner.dependencies;
        let owner = permit.principal().user.clone();
        let actor = Actor::User(owner.clone());
        let command = Command::CreateSession {
            title,
            project,
            owner,
            forked_from: None,
        };
        let events =
            aiex_session::decide(&State::default(), command, &actor).map_err(|refused| {
                Error::Rejected {
                    code: refused.code.to_owned(),
                    message: refused.message,
                    hint: refused.hint,
                }
            })?;
        let append = Append {
            session,
            expected: ExpectedSeq::Exact(0),
            request_id: format!("create-{session}"),
            actor: actor.to_string(),
            at_unix_ms: dependencies.clock.now_unix_ms(),
            events,
        };
        Ok(dependencies.store.append(append).await?.last_seq)
    }

    /// Attaches a client to a session, starting the session's work here when it is not running.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`], a refusal for somebody else's session, the store's, or a limit.
    pub async fn attach(
        &self,
        permit: &Permit<SessionWrite>,
        session: SessionId,
        last_seq: Seq,
        executor: Option<ExecutorInfo>,
    ) -> Result<Attachment, Error> {
        self.check_owner(permit, session).await?;
        let id = self.inner.numbers.next();
        let (frames, live) = frame_queue();
        let (actor, head) = self
            .ask(session, |reply| Message::Attach {
                attachment: id,
                executor: executor.clone(),
                frames: frames.clone(),
                reply,
            })
            .await?;
        Ok(Attachment {
            id,
            session,
            user: permit.principal().user.clone(),
            head,
            position: last_seq.min(head),
            caught_up: false,
            replayed: VecDeque::new(),
            live,
            actor,
            store: Arc::clone(&self.inner.dependencies.store),
        })
    }

    /// Closes a session for good. A repeat changes nothing.
    ///
    /// # Errors
    /// A refusal for somebody else's session, the aggregate's (a running turn), the store's.
    pub async fn archive(
        &self,
        permit: &Permit<SessionArchive>,
        session: SessionId,
    ) -> Result<(), Error> {
        self.check_owner(permit, session).await?;
        let user = permit.principal().user.clone();
        let message = |reply| Message::Archive {
            user: user.clone(),
            reply,
        };
        self.ask(session, message).await.map(|_| ())
    }

    /// Refuses what the permit does not reach.
    pub(crate) async fn check_owner<A: Marker>(
        &self,
        permit: &Permit<A>,
        session: SessionId,
    ) -> Result<(), Error> {
        let owner = self.owner(session).await?;
        permit.covers(&owner).map_err(denied)
    }

    /// Stops all work and waits for it; what was committed goes on elsewhere or at the next start.
    pub async fn shutdown(&self) {
        self.inner.stopping.cancel();
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
    }

    /// Asks the session's actor. An actor that ends in between is started once more.
    async fn ask<T>(
        &self,
        session: SessionId,
        message: impl Fn(oneshot::Sender<Result<T, Error>>) -> Message,
    ) -> Result<(mpsc::Sender<Message>, T), Error> {
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            if self.inner.stopping.is_cancelled() {
                return Err(Error::ShuttingDown);
            }
            let actor = self.actor(session)?;
            let (reply, answer) = oneshot::channel();
            if actor.send(message(reply)).await.is_err() {
                continue;
            }
            if let Ok(answer) = answer.await {
                return Ok((actor, answer?));
            }
        }
        Err(Error::Unavailable(
            "the session ends as fast as it starts".to_owned(),
        ))
    }

    fn actor(&self, session: SessionId) -> Result<mpsc::Sender<Message>, Error> {
        let mut at_work = self
            .inner
            .at_work
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(actor) = at_work.get(&session)
            && !actor.is_closed()
        {
            return Ok(actor.clone());
        }
        if at_work.len() >= SESSIONS_AT_WORK_MAX {
            // what is left of actors that ended without a word must not keep others out
            at_work.retain(|_, actor| !actor.is_closed());
        }
        if at_work.len() >= SESSIONS_AT_WORK_MAX {
            return Err(Error::LimitReached {
                what: "the number of sessions at work",
                actual: at_work.len(),
                limit: SESSIONS_AT_WORK_MAX,
            });
        }
        let (sender, receiver) = mpsc::channel(MAILBOX_MAX);
        at_work.insert(session, sender.clone());
        drop(at_work);
        let workplace = Workplace {
            dependencies: Arc::clone(&self.inner.dependencies),
            session,
            own_mailbox: sender.downgrade(),
            stopping: self.inner.stopping.clone(),
            tracker: self.inner.tracker.clone(),
        };
        tasks::session_actor(self.clone(), workplace, (sender.clone(), receiver));
        Ok(sender)
    }

    /// Forgets an actor that ended, unless another has taken its place.
    pub(crate) fn forget(&self, session: SessionId, ended: &mpsc::Sender<Message>) {
        let mut at_work = self
            .inner
            .at_work
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if at_work
            .get(&session)
            .is_some_and(|actor| actor.same_channel(ended))
        {
            at_work.remove(&session);
        }
    }

    /// How many sessions are at work.
    #[cfg(test)]
    pub(crate) fn at_work(&self) -> usize {
        let at_work = self.inner.at_work.lock();
        at_work.unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn dependencies(&self) -> &Arc<Dependencies> {
        &self.inner.dependencies
    }

    pub(crate) fn tracker(&self) -> &TaskTracker {
        &self.inner.tracker
    }
}
