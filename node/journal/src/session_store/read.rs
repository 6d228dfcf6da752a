//! Reading: raw records in pages, opened on a blocking thread, contents fetched where they are missing.

use super::{SessionStore, stored_head, stored_keys};
use crate::entry::from_bytes;
use crate::error::Error;
use crate::key_ring::SessionKeys;
use crate::record_key;
use crate::sealed_blob::{blocking, get_sealed, get_text};
use crate::sealed_event::{Address, Opened, Record, address_of, open};
use aiex_coordinator::{Blobs, StateReader};
use aiex_session::{Content, Recorded, Seq, SessionId};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

/// Records read at once from the shard.
const PAGE_RECORDS: usize = 512;
/// Events whose blobs are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// A page of records, and the keys to what is still elsewhere.
struct Page {
    keys: Arc<SessionKeys>,
    records: Vec<Found>,
}

/// A record as the shard had it.
enum Found {
    Opened(Opened),
    /// The sealed event is a blob itself.
    Elsewhere(Seq, Address),
}

impl SessionStore {
    /// Reads events in order; `None` when the session does not exist.
    pub(super) async fn read_events(
        &self,
        session: SessionId,
        after: Seq,
        limit: usize,
    ) -> Result<Option<Vec<Recorded>>, Error> {
        let mut events: Vec<Recorded> = Vec::new();
        loop {
            let from = events.last().map_or(after, |last| last.seq);
            let wanted = PAGE_RECORDS.min(limit - events.len());
            let Some(page) = self.page(session, from, wanted).await? else {
                return Ok(None);
            };
            let full = page.records.len() == PAGE_RECORDS;
            events.extend(self.whole(page).await?);
            if !full || events.len() >= limit {
                return Ok(Some(events));
            }
        }
    }

    async fn page(
        &self,
        session: SessionId,
        after: Seq,
        limit: usize,
    ) -> Result<Option<Page>, Error> {
        let ring = Arc::clone(&self.keys);
        let read = move |state: &dyn StateReader| {
            let Some(keys) = stored_keys(state, &ring, session)? else {
                return Ok(None);
            };
            let head = stored_head(state, session)?;
            let records = open_records(state, &keys, after, head, limit)?;
            Ok(Some(Page { keys, records }))
        };
        self.handle.read(self.shard_of(session), read).await?
    }

    async fn whole(&self, page: Page) -> Result<Vec<Recorded>, Error> {
        let blobs = self.handle.blobs()?;
        let Page { keys, records } = page;
        let fetches = records.into_iter().map(|found| fetch(&blobs, &keys, found));
        stream::iter(fetches)
            .buffered(FETCHES_AT_ONCE)
            .try_collect()
            .await
    }
}

/// Opens the records after `after`, and notices when one is missing.
fn open_records(
    state: &dyn StateReader,
    keys: &Arc<SessionKeys>,
    after: Seq,
    head: Seq,
    limit: usize,
) -> Result<Vec<Found>, Error> {
    let session = keys.session();
    let Some(first) = after.checked_add(1).filter(|first| *first <= head) else {
        return Ok(Vec::new());
    };
    let prefix = record_key::events(session);
    let pairs = state.scan_prefix(&prefix, &record_key::event(session, first), limit);
    let mut found = Vec::with_capacity(pairs.len());
    for ((key, record), seq) in pairs.into_iter().zip(first..) {
        let damaged = |reason| Error::damaged(session, format!("event {seq}"), reason);
        if key != record_key::event(session, seq) {
            return Err(damaged("its record is missing"));
        }
        found.push(match from_bytes(&record) {
            Some(Record::Here(sealed)) => Found::Opened(open(keys, seq, &sealed)?),
            Some(Record::There(address)) => Found::Elsewhere(seq, address),
            None => return Err(damaged("not an event record")),
        });
    }
    let reached = after + found.len() as Seq;
    if found.len() < limit && reached < head {
        let what = format!("event {}", reached + 1);
        return Err(Error::damaged(session, what, "its record is missing"));
    }
    Ok(found)
}

async fn fetch(blobs: &Blobs, keys: &Arc<SessionKeys>, found: Found) -> Result<Recorded, Error> {
    let Opened {
        mut recorded,
        blobs: moved,
    } = match found {
        Found::Opened(opened) => opened,
        Found::Elsewhere(seq, address) => {
            let sealed = elsewhere(keys.session(), seq, get_sealed(blobs, address).await)?;
            let keys = Arc::clone(keys);
            blocking(move || open(&keys, seq, &sealed)).await??
        }
    };
    let seq = recorded.seq;
    for content in recorded.event.contents_mut() {
        if let Some(place) = address_of(keys.session(), seq, content, &moved)? {
            let text = elsewhere(keys.session(), seq, get_text(blobs, keys, place).await)?;
            *content = Content::Inline(text);
        }
    }
    Ok(recorded)
}

/// Says which event a blob belongs to when the blob is lost or damaged.
fn elsewhere<T>(session: SessionId, seq: Seq, got: Result<T, Error>) -> Result<T, Error> {
    use aiex_coordinator::Error as E;
    got.map_err(|error| match error {
        Error::Shard(lost @ (E::BlobMissing { .. } | E::Damaged { .. })) => {
            Error::damaged(session, format!("event {seq}"), lost)
        }
        other => other,
    })
}
