//! The storing half of a node inside this process: coordinator, shards and journal, with a real disk.

use aiex_coordinator::{Config, Coordinator, Handle};
use aiex_journal::{SessionMachine, SessionStore};
use aiex_security::MasterKey;
use aiex_session::{Append, Event, ExpectedSeq, Seq, SessionId};
use std::path::Path;
use std::sync::Arc;

const MASTER_KEY: [u8; 32] = [7; 32];

/// A node without ports; ends with [`SessionNode::stop`].
pub(crate) struct SessionNode {
    handle: Handle,
    coordinator: Coordinator,
}

impl SessionNode {
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let machine = Arc::new(SessionMachine);
        let (handle, coordinator) = Coordinator::start(Config::new(folder), machine).await?;
        Ok(Self {
            handle,
            coordinator,
        })
    }

    /// A store that has opened no session yet.
    pub(crate) fn store(&self) -> anyhow::Result<Arc<SessionStore>> {
        let key = Arc::new(MasterKey::from_bytes(&MASTER_KEY)?);
        Ok(Arc::new(SessionStore::new(self.handle.clone(), key)))
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        drop(self.handle);
        self.coordinator.shutdown().await?;
        Ok(())
    }
}

/// The session of a number: always the same, so that runs spread over the shards alike.
pub(crate) fn session(number: usize) -> SessionId {
    let name = format!("aiex bench session {number}");
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..16]);
    SessionId::from_bytes(bytes)
}

/// Events for the end of a session, which must be `after`.
pub(crate) fn append(session: SessionId, after: Seq, events: Vec<Event>) -> Append {
    Append {
        session,
        expected: ExpectedSeq::Exact(after),
        request_id: format!("append-{after}"),
        actor: "user:bench".to_owned(),
        at_unix_ms: 1_767_225_600_000,
        events,
    }
}

/// The first event of a session.
pub(crate) fn created() -> Event {
    Event::SessionCreated {
        title: "bench".to_owned(),
        project: "bench".to_owned(),
        owner: "bench".to_owned(),
        forked_from: None,
    }
}
