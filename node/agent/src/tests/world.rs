//! What the tests stand on: a store that can fail, a model that reads a script, a client that does as told.

mod client;
mod faulty_store;
mod scripted_model;

pub(super) use client::{Client, Ledger, outcome};
pub(super) use faulty_store::{Fault, FaultyStore};
pub(super) use scripted_model::{Line, ScriptedModel, says};

use crate::{Agent, Clock, Config, Dependencies, ExecutorInfo};
use aiex_context::WorkspaceStore;
use aiex_llm::{Gateway, RetryConfig, RouteConfig};
use aiex_security::{Marker, Permit, Principal, Role, authorize};
use aiex_session::{Event, EventStore, MemoryStore, Recorded, Seq, SessionId, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that stands until it is told to move.
pub(super) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now_unix_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Everything but the agent: what stays when a node dies.
pub(super) struct World {
    pub(super) kept: Arc<MemoryStore>,
    pub(super) model: Arc<ScriptedModel>,
    pub(super) clock: Arc<TestClock>,
    pub(super) config: Config,
    pub(super) session: SessionId,
    workspaces: Arc<WorkspaceStore>,
    _dir: tempfile::TempDir,
}

impl World {
    /// A world whose model answers the n-th call of a turn with the n-th script. It stands in the offline engine's
    /// place, which reads no assembled prompt: that keeps the tests quick.
    pub(super) fn new(scripts: Vec<Vec<Line>>) -> Self {
        Self::with_model(ScriptedModel::new(aiex_llm::OFFLINE, scripts))
    }

    /// A world whose model is asked like any other, with tools, rules and code in the prompt.
    pub(super) fn assembling(scripts: Vec<Vec<Line>>) -> Self {
        Self::with_model(ScriptedModel::new("scripted", scripts))
    }

    fn with_model(model: ScriptedModel) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspaces = WorkspaceStore::open(aiex_context::Config {
            dir: dir.path().join("context"),
            ..aiex_context::Config::default()
        })
        .unwrap();
        Self {
            kept: Arc::new(MemoryStore::new()),
            model: Arc::new(model),
            clock: Arc::new(TestClock(AtomicI64::new(1_700_000_000_000))),
            config: Config::default(),
            session: SessionId::from_bytes([7; 16]),
            workspaces: Arc::new(workspaces),
            _dir: dir,
        }
    }

    pub(super) fn pass_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// A node over the kept store, with a way to make it fail.
    pub(super) fn node(&self) -> (Agent, Arc<FaultyStore>) {
        let store = Arc::new(FaultyStore::new(Arc::clone(&self.kept)));
        let name = aiex_llm::Provider::name(&*self.model);
        let config = aiex_llm::Config {
            route: vec![RouteConfig {
                model: name.to_owned(),
                targets: vec![format!("{name}/m")],
            }],
            retry: RetryConfig {
                attempts_max: 1,
                ..RetryConfig::default()
            },
            ..aiex_llm::Config::default()
        };
        let gateway = Gateway::with_providers(config, vec![Arc::clone(&self.model) as _]).unwrap();
        let dependencies = Dependencies::new(
            self.config.clone(),
            Arc::clone(&store) as _,
            Arc::new(gateway),
            Arc::clone(&self.workspaces),
            Arc::clone(&self.clock) as _,
        )
        .unwrap();
        (Agent::new(dependencies), store)
    }

    /// A node with the world's session open on it.
    pub(super) async fn node_with_session(&self) -> (Agent, Arc<FaultyStore>) {
        let (agent, store) = self.node();
        agent
            .create(
                &permit("ana", aiex_security::SessionCreate),
                self.session,
                "t".to_owned(),
                "shop".to_owned(),
            )
            .await
            .unwrap();
        (agent, store)
    }

    pub(super) async fn events(&self) -> Vec<Recorded> {
        self.kept.read(self.session, 0, usize::MAX).await.unwrap()
    }

    pub(super) async fn state(&self) -> State {
        State::replay(&self.events().await)
    }

    pub(super) async fn types(&self) -> Vec<&'static str> {
        let events = self.events().await;
        events
            .iter()
            .map(|recorded| recorded.event.event_type())
            .collect()
    }

    /// Attaches ana without tools.
    pub(super) async fn watch(&self, agent: &Agent, last_seq: Seq) -> Client {
        Client::attach(agent, self.session, last_seq, None).await
    }

    /// Attaches ana with an executor.
    pub(super) async fn work(&self, agent: &Agent, last_seq: Seq) -> Client {
        Client::attach(agent, self.session, last_seq, Some(ExecutorInfo::default())).await
    }
}

/// A permit of a developer.
pub(super) fn permit<A: Marker>(user: &str, action: A) -> Permit<A> {
    let principal = Principal {
        user: user.to_owned(),
        roles: vec![Role::Developer],
        token_id: "t".to_owned(),
    };
    authorize(&principal, action).unwrap()
}

/// How a finished turn ended.
pub(super) fn end_of(event: &Event) -> Option<&aiex_session::TurnEnd> {
    match event {
        Event::TurnFinished { end, .. } => Some(end),
        _ => None,
    }
}
