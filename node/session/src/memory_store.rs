//! An event store in memory, for tests of whatever stands on the port. Nothing survives the process.

use crate::DEDUPE_REQUESTS_MAX;
use crate::append_rules::{check_append, request_digest};
use crate::event::Recorded;
use crate::event_store::{Append, Appended, EventStore, ExpectedSeq, StoreError, StoreFuture};
use crate::ids::{Seq, SessionId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Keeps sessions in memory with the semantics of the journal.
#[derive(Debug, Default)]
pub struct MemoryStore {
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    sessions: BTreeMap<SessionId, Session>,
    /// Waiters for any head; woken by every append, they look again.
    wakers: Vec<Waker>,
}

#[derive(Debug, Default)]
struct Session {
    events: Vec<Recorded>,
    /// Oldest first; the oldest leaves when [`DEDUPE_REQUESTS_MAX`] is passed.
    requests: VecDeque<Request>,
}

#[derive(Debug)]
struct Request {
    id: String,
    digest: [u8; 32],
    first_seq: Seq,
    last_seq: Seq,
}

impl MemoryStore {
    /// Starts empty.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_now(&self, append: Append) -> Result<Appended, StoreError> {
        check_append(&append)?;
        let digest = request_digest(&append.events)?;
        let mut shared = self.lock();
        let known = shared.sessions.get(&append.session);
        let head = known.map_or(0, Session::head);
        let repeat = known.and_then(|s| s.requests.iter().find(|r| r.id == append.request_id));
        if let Some(request) = repeat {
            return request.repeated(digest);
        }
        if let ExpectedSeq::Exact(expected) = append.expected
            && expected != head
        {
            return Err(StoreError::SeqConflict { actual: head });
        }
        let (at, actor) = (append.at_unix_ms, &append.actor);
        let recorded = Recorded::sequence(head, at, actor, append.events);
        let session = shared.sessions.entry(append.session).or_default();
        session.events.extend(recorded);
        let appended = Appended {
            first_seq: head + 1,
            last_seq: session.head(),
            repeated: false,
        };
        session.remember(Request {
            id: append.request_id,
            digest,
            first_seq: appended.first_seq,
            last_seq: appended.last_seq,
        });
        let wakers = std::mem::take(&mut shared.wakers);
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
        Ok(appended)
    }
}

impl Session {
    fn head(&self) -> Seq {
        self.events.last().map_or(0, |event| event.seq)
    }

    fn remember(&mut self, request: Request) {
        self.requests.push_back(request);
        if self.requests.len() > DEDUPE_REQUESTS_MAX {
            self.requests.pop_front();
        }
    }
}

impl Request {
    fn repeated(&self, digest: [u8; 32]) -> Result<Appended, StoreError> {
        if self.digest != digest {
            let request_id = self.id.clone();
            return Err(StoreError::IdempotencyConflict { request_id });
        }
        Ok(Appended {
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            repeated: true,
        })
    }
}

impl EventStore for MemoryStore {
    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        Box::pin(async move { self.append_now(append) })
    }

    fn read(&self, session: SessionId, after: Seq, limit: usize) -> StoreFuture<'_, Vec<Recorded>> {
        Box::pin(async move {
            let shared = self.lock();
            let known = shared.sessions.get(&session).ok_or(StoreError::NotFound)?;
            let tail = known.events.iter().filter(|event| event.seq > after);
            Ok(tail.take(limit).cloned().collect())
        })
    }

    fn head(&self, session: SessionId) -> StoreFuture<'_, Seq> {
        Box::pin(async move { Ok(self.lock().sessions.get(&session).map_or(0, Session::head)) })
    }

    fn wait_beyond(&self, session: SessionId, after: Seq) -> StoreFuture<'_, Seq> {
        Box::pin(std::future::poll_fn(move |context| {
            let mut shared = self.lock();
            let head = shared.sessions.get(&session).map_or(0, Session::head);
            if head > after {
                return Poll::Ready(Ok(head));
            }
            let waker = context.waker();
            if !shared.wakers.iter().any(|known| known.will_wake(waker)) {
                shared.wakers.push(waker.clone());
            }
            Poll::Pending
        }))
    }

    fn list(&self) -> StoreFuture<'_, Vec<(SessionId, Seq)>> {
        Box::pin(async move {
            let shared = self.lock();
            let heads = shared.sessions.iter().map(|(id, s)| (*id, s.head()));
            Ok(heads.collect())
        })
    }
}

#[cfg(test)]
mod tests;
