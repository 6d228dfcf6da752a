//! Appending: large contents first, then one proposal, sealed to the numbers it will get.

use super::{SessionStore, refused, stored_head, stored_keys};
use crate::entry::{Answered, AppendEntry, Entry, Reply, from_bytes, to_bytes};
use crate::error::Error;
use crate::key_ring::SessionKeys;
use crate::metrics as names;
use crate::record_key;
use crate::sealed_blob::put_sealed;
use crate::sealed_event::{Moved, Outgoing, Record, hex, seal};
use aiex_coordinator::{MAX_ENTRY_BYTES, StateReader};
use aiex_session::{
    Append, Appended, Content, Event, ExpectedSeq, INLINE_BYTES_MAX, Seq, StoreError, check_append,
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::time::Instant;

/// Times an append is sealed anew because another writer was faster.
const ATTEMPTS_MAX: usize = 64;
/// Sealed events above this many bytes stand in the blob store as a whole.
const RECORD_BYTES_MAX: usize = 32 << 10;
/// Bytes of an entry that events may take; the rest is for the key, the summary and the frame.
const EVENTS_BYTES_MAX: usize = MAX_ENTRY_BYTES - (64 << 10);
/// Largest sealed summary that an entry carries.
const SUMMARY_BYTES_MAX: usize = 32 << 10;
/// Bytes around each event in an entry, at most.
const FRAME_BYTES: usize = 16;
/// Nobody has claimed a session yet: every writer is its owner.
const UNCLAIMED: u64 = 0;

/// A session as it stands before an append.
struct Standing {
    keys: Arc<SessionKeys>,
    /// The record of keys that were made just now, to be stored with the first events.
    new_key: Option<Vec<u8>>,
    head: Seq,
}

/// Events on their way in, large contents moved out.
struct Prepared {
    events: Vec<(Event, Vec<Moved>)>,
    digest: [u8; 32],
}

impl SessionStore {
    pub(super) async fn append_timed(&self, append: Append) -> Result<Appended, StoreError> {
        let started = Instant::now();
        let appended = self.append_checked(&append).await?;
        metrics::histogram!(names::APPEND_SECONDS).record(started.elapsed().as_secs_f64());
        if appended.repeated {
            metrics::counter!(names::REPEATED_TOTAL).increment(1);
        } else {
            let events = append.events.len() as u64;
            metrics::counter!(names::EVENTS_APPENDED_TOTAL).increment(events);
        }
        Ok(appended)
    }

    async fn append_checked(&self, append: &Append) -> Result<Appended, StoreError> {
        check_append(append)?;
        let _turn = match append.expected {
            ExpectedSeq::Exact(_) => None,
            ExpectedSeq::Any => Some(self.turnstile(append).lock().await),
        };
        let mut standing = self.standing(append).await.map_err(refused)?;
        for _ in 0..ATTEMPTS_MAX {
            let expected = match append.expected {
                ExpectedSeq::Exact(seq) if standing.new_key.is_some() && seq != 0 => {
                    return Err(StoreError::SeqConflict { actual: 0 });
                }
                ExpectedSeq::Exact(seq) => seq,
                ExpectedSeq::Any => standing.head,
            };
            let reply = self.attempt(append, &standing, expected).await?;
            let raced = matches!(
                reply,
                Reply::SeqConflict { .. } | Reply::IdempotencyConflict
            ) && standing.new_key.is_some();
            match reply {
                // Another writer opened the session: its keys count, and digests are made with them.
                _ if raced => standing = self.standing(append).await.map_err(refused)?,
                Reply::SeqConflict { actual } if append.expected == ExpectedSeq::Any => {
                    standing.head = actual;
                }
                reply => return answer(append, &reply),
            }
        }
        let why = "other writers were always faster".to_owned();
        Err(StoreError::Unavailable(why))
    }

    /// Prepares, seals and proposes once.
    async fn attempt(
        &self,
        append: &Append,
        standing: &Standing,
        expected: Seq,
    ) -> Result<Reply, StoreError> {
        let keys = &standing.keys;
        let digest = keys.digest(&append.events)?;
        if let Some(reply) = self.known(append, digest).await.map_err(refused)? {
            return Ok(reply);
        }
        let proposed = async {
            let prepared = self.prepare(append, keys, digest).await?;
            let records = self.seal_events(append, keys, expected, &prepared).await?;
            let summary = self.summary_after(append, keys, expected).await;
            let sealed = match &summary {
                Some(summary) => Some(super::listing::seal_summary(keys, summary)?),
                None => None,
            };
            // Without one, a list replays from the summary before.
            let sealed = sealed.filter(|sealed| sealed.len() <= SUMMARY_BYTES_MAX);
            let entry = to_bytes(&Entry::Append(AppendEntry {
                session: *append.session.as_bytes(),
                expected_seq: expected,
                owner_epoch: UNCLAIMED,
                request_id: &append.request_id,
                digest: prepared.digest,
                key: standing.new_key.as_deref(),
                events: records.iter().map(Vec::as_slice).collect(),
                summary: sealed.as_deref(),
            }));
            let shard = self.shard_of(append.session);
            let reply = self.handle.propose(shard, Bytes::from(entry)).await?;
            let reply: Reply = from_bytes(&reply).ok_or(Error::Refused)?;
            if let (
                Reply::Appended {
                    repeated: false, ..
                },
                Some(summary),
            ) = (&reply, summary)
            {
                self.summaries.insert(append.session, Arc::new(summary));
            }
            Ok::<_, Error>(reply)
        };
        proposed.await.map_err(refused)
    }

    /// Answers a repeat that would otherwise put its blobs again; the shard judges all others.
    async fn known(&self, append: &Append, digest: [u8; 32]) -> Result<Option<Reply>, Error> {
        let mut events = append.events.iter().cloned();
        if !events.any(|mut event| event.contents_mut().iter().any(|c| is_large(c))) {
            return Ok(None);
        }
        let key = record_key::request(append.session, &append.request_id);
        let stored = self
            .handle
            .read(self.shard_of(append.session), move |state| state.get(&key));
        let Some(stored) = stored.await? else {
            return Ok(None);
        };
        let known: Option<Answered> = from_bytes(&stored);
        Ok(known.map(|known| match known.digest == digest {
            false => Reply::IdempotencyConflict,
            true => Reply::Appended {
                first_seq: known.first_seq,
                last_seq: known.last_seq,
                repeated: true,
            },
        }))
    }

    async fn standing(&self, append: &Append) -> Result<Standing, Error> {
        let session = append.session;
        let opened = self.keys.opened(session);
        if let (Some(keys), ExpectedSeq::Exact(head)) = (opened, append.expected) {
            // What the writer believes is judged by the shard; there is nothing to look up.
            return Ok(Standing {
                keys,
                new_key: None,
                head,
            });
        }
        let ring = Arc::clone(&self.keys);
        let read = move |state: &dyn StateReader| {
            Ok::<_, Error>((
                stored_keys(state, &ring, session)?,
                stored_head(state, session)?,
            ))
        };
        match self.handle.read(self.shard_of(session), read).await?? {
            (Some(keys), head) => Ok(Standing {
                keys,
                new_key: None,
                head,
            }),
            (None, head) => {
                let (record, keys) = self.keys.create(session)?;
                let (keys, new_key) = (Arc::new(keys), Some(record));
                Ok(Standing {
                    keys,
                    new_key,
                    head,
                })
            }
        }
    }

    /// Moves large contents to the blob store.
    async fn prepare(
        &self,
        append: &Append,
        keys: &Arc<SessionKeys>,
        digest: [u8; 32],
    ) -> Result<Prepared, Error> {
        let mut events = Vec::with_capacity(append.events.len());
        for event in &append.events {
            let mut event = event.clone();
            let mut blobs: Vec<Moved> = Vec::new();
            for content in event.contents_mut() {
                let Some(text) = content.text().filter(|_| is_large(content)) else {
                    continue;
                };
                let size_bytes = text.len() as u64;
                let moved = self
                    .blobs
                    .put_text(&self.handle, keys, text.to_owned())
                    .await?;
                let hash = hex(&moved.plain);
                *content = Content::Blob { hash, size_bytes };
                if !blobs.contains(&moved) {
                    blobs.push(moved);
                }
            }
            events.push((event, blobs));
        }
        Ok(Prepared { events, digest })
    }

    /// Seals every event to its number; what does not fit into an entry goes to the blob store.
    async fn seal_events(
        &self,
        append: &Append,
        keys: &SessionKeys,
        expected: Seq,
        prepared: &Prepared,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut sealed = Vec::with_capacity(prepared.events.len());
        for ((event, blobs), offset) in prepared.events.iter().zip(1..) {
            let out = Outgoing {
                event,
                blobs: blobs.clone(),
                at_unix_ms: append.at_unix_ms,
                actor: &append.actor,
            };
            sealed.push(seal(keys, expected.saturating_add(offset), &out)?);
        }
        let mut largest_first: Vec<usize> = (0..sealed.len()).collect();
        largest_first.sort_by_key(|at| std::cmp::Reverse(sealed[*at].len()));
        let mut bytes: usize = sealed.iter().map(|event| event.len() + FRAME_BYTES).sum();
        let mut records: Vec<Option<Vec<u8>>> = vec![None; sealed.len()];
        for at in largest_first {
            let event = std::mem::take(&mut sealed[at]);
            let record = if event.len() > RECORD_BYTES_MAX || bytes > EVENTS_BYTES_MAX {
                bytes -= event.len();
                Record::There(put_sealed(&self.handle.blobs()?, event).await?)
            } else {
                Record::Here(event)
            };
            records[at] = Some(to_bytes(&record));
        }
        Ok(records.into_iter().flatten().collect())
    }

    fn turnstile(&self, append: &Append) -> &tokio::sync::Mutex<()> {
        let hash = blake3::hash(append.session.as_bytes());
        &self.turnstiles[usize::from(hash.as_bytes()[0]) % self.turnstiles.len()]
    }
}

fn is_large(content: &Content) -> bool {
    content
        .text()
        .is_some_and(|text| text.len() > INLINE_BYTES_MAX)
}

fn answer(append: &Append, reply: &Reply) -> Result<Appended, StoreError> {
    match *reply {
        Reply::Appended {
            first_seq,
            last_seq,
            repeated,
        } => Ok(Appended {
            first_seq,
            last_seq,
            repeated,
        }),
        Reply::SeqConflict { actual } => Err(StoreError::SeqConflict { actual }),
        Reply::IdempotencyConflict => Err(StoreError::IdempotencyConflict {
            request_id: append.request_id.clone(),
        }),
        Reply::StaleOwner { epoch } => {
            let why = format!("another owner has the session since epoch {epoch}");
            Err(StoreError::Unavailable(why))
        }
        Reply::Refused => Err(Error::Refused.into()),
    }
}
