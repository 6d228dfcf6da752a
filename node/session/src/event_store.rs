//! The port through which sessions are kept. Implemented by the journal, and in memory for tests.

use crate::event::{Event, Recorded};
use crate::ids::{Seq, SessionId};
use crate::projections::{Projection, SessionSummary};
use std::future::Future;
use std::pin::Pin;

/// A boxed future, so that the port can be a trait object without a runtime.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Events fetched at once when a whole session is read.
const READ_PAGE_EVENTS: usize = 1024;

/// What the writer believes about the end of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedSeq {
    /// The last event has this number; 0 means the session must not exist.
    Exact(Seq),
    /// Append wherever the end is.
    Any,
}

/// One atomic append of 1 to [`crate::APPEND_EVENTS_MAX`] events.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    pub session: SessionId,
    pub expected: ExpectedSeq,
    /// Names this append; a repeat gives the first result and appends nothing.
    pub request_id: String,
    pub actor: String,
    pub at_unix_ms: i64,
    pub events: Vec<Event>,
}

/// The numbers the events were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub first_seq: Seq,
    pub last_seq: Seq,
    /// True when this answers a repeat of an earlier request.
    pub repeated: bool,
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the session ends at {actual}, not where the writer believed")]
    SeqConflict { actual: Seq },
    #[error("request {request_id} was used before for other events")]
    IdempotencyConflict { request_id: String },
    #[error("no such session")]
    NotFound,
    #[error("append of {actual} {unit} is over the limit of {limit}")]
    TooLarge {
        actual: usize,
        limit: usize,
        unit: &'static str,
    },
    /// An append without events or without a usable request id.
    #[error("not an append: {0}")]
    Invalid(String),
    /// No leader, no quorum, shutting down: safe to repeat with the same request id.
    #[error("the session's shard cannot answer now: {0}")]
    Unavailable(String),
    #[error("stored data cannot be read: {0}")]
    Damaged(String),
}

/// Appends and reads sessions. Acknowledged means fsynced on a quorum.
///
/// Every implementation passes [`crate::contract`]. A repeat is recognised before the expected number
/// is compared, among the last [`crate::DEDUPE_REQUESTS_MAX`] requests of the session.
pub trait EventStore: Send + Sync + 'static {
    fn append(&self, append: Append) -> StoreFuture<'_, Appended>;

    /// Up to `limit` events after `after`, in order, blobs resolved; [`StoreError::NotFound`] when
    /// the session does not exist.
    fn read(&self, session: SessionId, after: Seq, limit: usize) -> StoreFuture<'_, Vec<Recorded>>;

    /// The number of the last event; 0 when the session does not exist.
    fn head(&self, session: SessionId) -> StoreFuture<'_, Seq>;

    /// Resolves when the session's head is above `after`; returns the head.
    fn wait_beyond(&self, session: SessionId, after: Seq) -> StoreFuture<'_, Seq>;

    /// Every session this node can see, with its last event number.
    fn list(&self) -> StoreFuture<'_, Vec<(SessionId, Seq)>>;

    /// Every session with what a list shows of it. Stores that keep summaries answer without replay.
    fn summaries(&self) -> StoreFuture<'_, Vec<(SessionId, SessionSummary)>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for (session, head) in self.list().await? {
                let mut summary = SessionSummary::default();
                while summary.head_seq < head {
                    let page = self
                        .read(session, summary.head_seq, READ_PAGE_EVENTS)
                        .await?;
                    if page.is_empty() {
                        break;
                    }
                    page.iter().for_each(|recorded| summary.apply(recorded));
                }
                all.push((session, summary));
            }
            Ok(all)
        })
    }
}
