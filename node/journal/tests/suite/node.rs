//! A node in a directory of its own, and appends for it.

use aiex_coordinator::{Config, Coordinator, Handle};
use aiex_journal::{SessionMachine, SessionStore};
use aiex_security::MasterKey;
use aiex_session::{Append, Content, Event, ExpectedSeq, SessionId};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A running node; its data outlives it in `dir`.
pub(crate) struct Node {
    pub(crate) handle: Handle,
    pub(crate) store: SessionStore,
    coordinator: Coordinator,
}

impl Node {
    pub(crate) async fn start(dir: &Path) -> Self {
        let machine = Arc::new(SessionMachine);
        let (handle, coordinator) = Coordinator::start(Config::new(dir), machine).await.unwrap();
        let store = store(&handle, 1);
        Self {
            handle,
            store,
            coordinator,
        }
    }

    pub(crate) async fn stop(self) {
        drop((self.store, self.handle));
        self.coordinator.shutdown().await.unwrap();
    }
}

/// Another store over the same shards, as another node would have it.
pub(crate) fn store(handle: &Handle, master: u8) -> SessionStore {
    let master = MasterKey::from_bytes(&[master; 32]).unwrap();
    SessionStore::new(handle.clone(), Arc::new(master))
}

pub(crate) fn session(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

pub(crate) fn append(session: SessionId, id: &str, events: Vec<Event>) -> Append {
    Append {
        session,
        expected: ExpectedSeq::Any,
        request_id: id.to_owned(),
        actor: "node".to_owned(),
        at_unix_ms: 5,
        events,
    }
}

pub(crate) fn created(title: &str) -> Event {
    Event::SessionCreated {
        title: title.to_owned(),
        project: "shop".to_owned(),
        owner: "ana".to_owned(),
        forked_from: None,
    }
}

pub(crate) fn retitled(title: &str) -> Event {
    Event::SessionRetitled {
        title: title.to_owned(),
    }
}

/// An outcome whose output is too large to stand in the log.
pub(crate) fn finished(call_id: &str, output: &str) -> Event {
    Event::ToolCallFinished {
        turn: 1,
        call_id: call_id.to_owned(),
        status: "ok".to_owned(),
        output: Content::Inline(output.to_owned()),
        accesses: Vec::new(),
        changes: Vec::new(),
        verdict: None,
    }
}

/// Text that hardly compresses, the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut raw = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut raw);
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 64)]);
    raw.iter().map(letter).collect()
}

/// Every file below a directory.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
