//! Lists: heads of all sessions, and their summaries without replay.
//!
//! The writer seals a session's summary with each append. One that is behind its head, or damaged, is
//! made anew from the events: a summary is a projection, never the truth.

use super::{SessionStore, stored_keys};
use crate::entry::{Head, from_bytes};
use crate::error::Error;
use crate::key_ring::{KeyRing, SessionKeys};
use crate::record_key;
use aiex_coordinator::{ShardId, StateReader};
use aiex_session::{Append, Projection, Recorded, Seq, SessionId, SessionSummary};
use std::sync::Arc;

/// Records of a list read at once.
const PAGE_SESSIONS: usize = 1024;
/// Events replayed at once when a summary is behind.
const CATCH_UP_EVENTS: usize = 1024;
const SUMMARY_PLACE: &[u8] = b"summary";

impl SessionStore {
    /// Every session of every shard on this node, with its last number.
    pub(super) async fn heads(&self) -> Result<Vec<(SessionId, Seq)>, Error> {
        let mut all = Vec::new();
        for shard in 0..self.handle.table().shard_count() {
            all.extend(self.handle.read(ShardId(shard), shard_heads).await??);
        }
        Ok(all)
    }

    /// Every session with its summary, brought up to its head.
    pub(super) async fn all_summaries(&self) -> Result<Vec<(SessionId, SessionSummary)>, Error> {
        let mut all = Vec::new();
        for shard in 0..self.handle.table().shard_count() {
            let ring = Arc::clone(&self.keys);
            let read = move |state: &dyn StateReader| shard_summaries(state, &ring);
            for (session, head, summary) in self.handle.read(ShardId(shard), read).await?? {
                let summary = self.caught_up(session, summary, head).await?;
                all.push((session, summary));
            }
        }
        Ok(all)
    }

    /// The session's summary after an append that begins at `expected`; `None` when the session does
    /// not stand there, in which case the shard refuses the append.
    pub(super) async fn summary_after(
        &self,
        append: &Append,
        keys: &Arc<SessionKeys>,
        expected: Seq,
    ) -> Option<SessionSummary> {
        let before = self.summary_at(append.session, keys, expected).await;
        let mut summary = match before {
            Ok(before) => before?,
            Err(error) => {
                tracing::warn!(%error, "a session's summary cannot be brought up to date");
                return None;
            }
        };
        let (at, actor) = (append.at_unix_ms, &append.actor);
        for recorded in Recorded::sequence(expected, at, actor, append.events.clone()) {
            summary.apply(&recorded);
        }
        Some(summary)
    }

    async fn summary_at(
        &self,
        session: SessionId,
        keys: &Arc<SessionKeys>,
        seq: Seq,
    ) -> Result<Option<SessionSummary>, Error> {
        if seq == 0 {
            return Ok(Some(SessionSummary::default()));
        }
        if let Some(kept) = self.summaries.get(&session)
            && kept.head_seq == seq
        {
            return Ok(Some((*kept).clone()));
        }
        let keys = Arc::clone(keys);
        let read = move |state: &dyn StateReader| {
            let head = super::stored_head(state, session)?;
            Ok::<_, Error>((head, stored_summary(state, &keys)))
        };
        let (head, stored) = self.handle.read(self.shard_of(session), read).await??;
        if head != seq {
            return Ok(None);
        }
        self.caught_up(session, stored, head).await.map(Some)
    }

    async fn caught_up(
        &self,
        session: SessionId,
        summary: Option<SessionSummary>,
        head: Seq,
    ) -> Result<SessionSummary, Error> {
        let mut summary = summary.filter(|s| s.head_seq <= head).unwrap_or_default();
        while summary.head_seq < head {
            let tail = self
                .read_events(session, summary.head_seq, CATCH_UP_EVENTS)
                .await?;
            let tail = tail.unwrap_or_default();
            if tail.is_empty() {
                break;
            }
            for recorded in tail.iter().take_while(|recorded| recorded.seq <= head) {
                summary.apply(recorded);
            }
        }
        Ok(summary)
    }
}

/// Seals a summary; it says itself how far it goes.
pub(super) fn seal_summary(keys: &SessionKeys, summary: &SessionSummary) -> Result<Vec<u8>, Error> {
    let plain = serde_json::to_vec(summary).map_err(|error| Error::Seal(error.to_string()))?;
    keys.seal(SUMMARY_PLACE, &plain)
}

fn stored_summary(state: &dyn StateReader, keys: &SessionKeys) -> Option<SessionSummary> {
    let sealed = state.get(&record_key::summary(keys.session()))?;
    let plain = keys.open(SUMMARY_PLACE, &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

fn shard_heads(state: &dyn StateReader) -> Result<Vec<(SessionId, Seq)>, Error> {
    let mut heads = Vec::new();
    let mut from = Vec::new();
    loop {
        let page = state.scan_prefix(record_key::HEADS, &from, PAGE_SESSIONS);
        let Some((last, _)) = page.last() else {
            return Ok(heads);
        };
        from = [last.as_slice(), &[0]].concat();
        for (key, value) in &page {
            let Some(session) = record_key::session_after(record_key::HEADS, key) else {
                continue;
            };
            let head: Option<Head> = from_bytes(value);
            let head =
                head.ok_or_else(|| Error::damaged(session, "the head", "not a head record"))?;
            heads.push((session, head.seq));
        }
    }
}

type Listed = (SessionId, Seq, Option<SessionSummary>);

fn shard_summaries(state: &dyn StateReader, ring: &KeyRing) -> Result<Vec<Listed>, Error> {
    let mut listed = Vec::new();
    for (session, head) in shard_heads(state)? {
        match stored_keys(state, ring, session) {
            Ok(Some(keys)) => listed.push((session, head, stored_summary(state, &keys))),
            // A session that was erased has nothing left to show.
            Ok(None) | Err(Error::KeyDestroyed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(listed)
}
