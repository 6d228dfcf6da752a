//! The writer's thread: takes what is waiting, writes it as one batch, syncs once, then calls back.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        mpsc::{Receiver, RecvError, TryRecvError},
    },
    time::Instant,
};

use super::{
    Change, Done, GroupId, LogEntry, LogId, LogMedium, Space, Vote, Witness,
    memory::Ticket,
    ordered::Shared,
    record::{
        ROUND_KEY, Tag, encode_entry, encode_log_id, encode_round, encode_vote, entry_key, meta_key,
    },
};
use crate::{Error, clock, metrics as names};

/// Most bytes of payload in one round.
const ROUND_BYTES: usize = 4 << 20;
/// Most requests in one round.
const ROUND_REQUESTS: usize = 4096;

/// One queued write.
pub(crate) struct Request {
    pub(crate) group: GroupId,
    pub(crate) ticket: Ticket,
    pub(crate) work: Work,
    pub(crate) queued: Instant,
    pub(crate) done: Done,
}

pub(crate) enum Work {
    Append(Vec<LogEntry>),
    Vote(Vote),
    TruncateAfter(Option<LogId>),
    Purge(LogId),
    /// Stops the writer after this round.
    Close,
}

/// Runs until the queue closes or a [`Work::Close`] comes.
pub(crate) struct Writer<M> {
    pub(crate) medium: Arc<M>,
    pub(crate) witness: Box<dyn Witness>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) round: u64,
    /// Last entry of each group on the medium: a commit position beyond it is not written yet.
    pub(crate) ends: HashMap<GroupId, u64>,
    /// Set by the first failure; everything after it is refused.
    pub(crate) failed: Option<Error>,
}

impl<M: LogMedium> Writer<M> {
    pub(crate) fn run(mut self, queue: &Receiver<Request>) {
        while let Ok(requests) = next_round(queue) {
            let closing = requests.iter().any(|r| matches!(r.work, Work::Close));
            self.take_round(requests);
            if closing {
                break;
            }
        }
    }

    fn take_round(&mut self, requests: Vec<Request>) {
        let started = clock::now();
        let result = match &self.failed {
            Some(error) => Err(Error::LogClosed {
                reason: error.to_string(),
            }),
            None => self.write_round(&requests),
        };
        if let Err(error) = &result
            && self.failed.is_none()
        {
            // What a failed sync left on the disk is unknown: going on could acknowledge what is not there.
            tracing::error!(%error, "the log failed and is closed");
            metrics::counter!(names::LOG_FAILURES_TOTAL).increment(1);
            self.failed = Some(error.clone());
        }
        metrics::histogram!(names::LOG_ROUND_SECONDS).record(started.elapsed().as_secs_f64());
        metrics::histogram!(names::LOG_ROUND_REQUESTS).record(requests.len() as f64);
        for request in requests {
            metrics::histogram!(names::LOG_APPEND_SECONDS)
                .record(request.queued.elapsed().as_secs_f64());
            (request.done)(result.clone());
        }
    }

    fn write_round(&mut self, requests: &[Request]) -> Result<(), Error> {
        let mut batch = Vec::new();
        for request in requests {
            self.encode(request, &mut batch);
        }
        for (group, committed) in self.shared.take_committed(&self.ends) {
            let key = meta_key(group, Tag::Committed);
            batch.push(Change::Put(
                Space::Meta,
                key.to_vec(),
                encode_log_id(&key, committed),
            ));
        }
        let round = self.round + 1;
        batch.push(Change::Put(
            Space::Meta,
            ROUND_KEY.to_vec(),
            encode_round(round),
        ));
        self.medium.write(&batch)?;
        let before_sync = clock::now();
        self.medium.sync()?;
        metrics::histogram!(names::LOG_FSYNC_SECONDS).record(before_sync.elapsed().as_secs_f64());
        self.witness.note(round);
        self.round = round;
        let mut passed: BTreeMap<GroupId, Ticket> = BTreeMap::new();
        for request in requests {
            passed.insert(request.group, request.ticket);
        }
        self.shared.passed(&passed);
        Ok(())
    }

    fn encode(&mut self, request: &Request, batch: &mut Vec<Change>) {
        let group = request.group;
        match &request.work {
            Work::Append(entries) => {
                for entry in entries {
                    let key = entry_key(group, entry.id.index);
                    let record = encode_entry(&key, entry);
                    metrics::counter!(names::LOG_BYTES_TOTAL).increment(record.len() as u64);
                    batch.push(Change::Put(Space::Entries, key.to_vec(), record));
                    self.ends.insert(group, entry.id.index);
                }
            }
            Work::Vote(vote) => {
                let key = meta_key(group, Tag::Vote);
                batch.push(Change::Put(
                    Space::Meta,
                    key.to_vec(),
                    encode_vote(&key, *vote),
                ));
            }
            Work::TruncateAfter(last) => {
                let from = entry_key(group, last.map_or(0, |id| id.index + 1));
                batch.push(Change::DeleteRange(
                    Space::Entries,
                    from.to_vec(),
                    entry_key(group, u64::MAX).to_vec(),
                ));
                match (last, self.ends.get_mut(&group)) {
                    (Some(id), Some(end)) => *end = id.index.min(*end),
                    _ => {
                        self.ends.remove(&group);
                    }
                }
            }
            Work::Purge(upto) => {
                let key = meta_key(group, Tag::Purged);
                let end = entry_key(group, upto.index.saturating_add(1));
                batch.push(Change::Put(
                    Space::Meta,
                    key.to_vec(),
                    encode_log_id(&key, *upto),
                ));
                batch.push(Change::DeleteRange(
                    Space::Entries,
                    entry_key(group, 0).to_vec(),
                    end.to_vec(),
                ));
                let last = self.ends.entry(group).or_insert(upto.index);
                *last = (*last).max(upto.index);
            }
            Work::Close => {}
        }
    }
}

/// Waits for one request, then takes those already waiting, up to the limits of a round.
fn next_round(queue: &Receiver<Request>) -> Result<Vec<Request>, RecvError> {
    let first = queue.recv()?;
    let mut bytes = first.work.payload_bytes();
    let mut requests = vec![first];
    while requests.len() < ROUND_REQUESTS && bytes < ROUND_BYTES {
        match queue.try_recv() {
            Ok(request) => {
                bytes += request.work.payload_bytes();
                requests.push(request);
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    Ok(requests)
}

impl Work {
    fn payload_bytes(&self) -> usize {
        match self {
            Self::Append(entries) => entries.iter().map(|e| e.payload.len()).sum(),
            _ => 0,
        }
    }
}
