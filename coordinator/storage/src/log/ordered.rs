//! [`OrderedLog`]: the log store over any medium. Memory answers readers, one thread writes.
//!
//! Ends with [`LogStore::close`], or when dropped: the writer's thread finishes what is queued and is joined.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    thread::JoinHandle,
};

use super::{
    Done, GroupId, LogBounds, LogEntry, LogId, LogMedium, LogStore, Space, Vote, Witness,
    memory::{GroupMemory, Ticket},
    record::{decode_entry, entry_key},
    recover::recover,
    writer::{Request, Work, Writer},
};
use crate::{Error, clock};

/// Limits of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Bytes of recent entries kept in memory for each group, so that followers and apply never read the disk.
    pub tail_bytes_per_group: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            tail_bytes_per_group: 1 << 20,
        }
    }
}

/// What readers, callers and the writer share.
pub(crate) struct Shared {
    state: Mutex<State>,
    tail_bytes: usize,
}

struct State {
    groups: HashMap<GroupId, GroupMemory>,
    /// Commit positions not yet written; they ride along with the next round.
    unwritten_commits: BTreeMap<GroupId, LogId>,
    next_ticket: Ticket,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the commit positions that the medium's entries cover.
    pub(crate) fn take_committed(&self, ends: &HashMap<GroupId, u64>) -> Vec<(GroupId, LogId)> {
        let mut state = self.lock();
        let covered =
            |group: &GroupId, id: &LogId| ends.get(group).is_some_and(|end| id.index <= *end);
        let ready: Vec<_> = state
            .unwritten_commits
            .iter()
            .filter(|(g, id)| covered(g, id))
            .map(|(g, id)| (*g, *id))
            .collect();
        for (group, _) in &ready {
            state.unwritten_commits.remove(group);
        }
        ready
    }

    /// Lets the tails of the written groups shrink.
    pub(crate) fn passed(&self, tickets: &BTreeMap<GroupId, Ticket>) {
        let mut state = self.lock();
        for (group, ticket) in tickets {
            if let Some(memory) = state.groups.get_mut(group) {
                memory.evict(*ticket, self.tail_bytes);
            }
        }
    }
}

/// The log store over the medium `M`. See [`LogStore`] for the rules.
pub struct OrderedLog<M> {
    medium: Arc<M>,
    shared: Arc<Shared>,
    // Held while a request is queued, so that the order of the queue is the order of the memory.
    // Unbounded: each group has at most its proposer's bytes in flight, which the layer above limits.
    queue: Mutex<Option<Sender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<M: LogMedium> OrderedLog<M> {
    /// Reads and checks the log on `medium`, and starts its writer.
    ///
    /// # Errors
    /// [`Error::Quarantined`] when acknowledged data is missing or damaged, [`Error::Io`] when the disk fails.
    pub fn open(medium: M, witness: Box<dyn Witness>, config: LogConfig) -> Result<Self, Error> {
        let recovered = recover(&medium, witness.round())?;
        let ends = recovered
            .groups
            .iter()
            .filter_map(|(g, m)| Some((*g, m.bounds.last?.index)))
            .collect();
        let medium = Arc::new(medium);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                groups: recovered.groups.into_iter().collect(),
                unwritten_commits: BTreeMap::new(),
                next_ticket: 1,
            }),
            tail_bytes: config.tail_bytes_per_group,
        });
        let writer = Writer {
            medium: Arc::clone(&medium),
            witness,
            shared: Arc::clone(&shared),
            round: recovered.round,
            ends,
            failed: None,
        };
        let (queue, requests) = channel();
        let thread = std::thread::Builder::new()
            .name("aiex-log-writer".to_owned())
            .spawn(move || writer.run(&requests))
            .map_err(|e| Error::Io(format!("the log's writer could not start: {e}")))?;
        Ok(Self {
            medium,
            shared,
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns whether the log has never held anything.
    pub fn is_pristine(&self) -> bool {
        self.shared.lock().groups.is_empty()
    }

    fn submit(
        &self,
        group: GroupId,
        work: Work,
        done: Done,
        remember: impl FnOnce(&mut GroupMemory, Ticket, &Work),
    ) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = queue.as_ref() else {
            drop(queue);
            return done(Err(Error::LogClosed {
                reason: "the node is stopping".to_owned(),
            }));
        };
        let ticket = {
            let mut state = self.shared.lock();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            let memory = state.groups.entry(group).or_default();
            if matches!(&work, Work::Append(entries) if !memory.continues(entries)) {
                drop(state);
                drop(queue);
                return done(Err(Error::Io(format!(
                    "an append to group {group} would leave a gap"
                ))));
            }
            remember(memory, ticket, &work);
            ticket
        };
        let request = Request {
            group,
            ticket,
            work,
            queued: clock::now(),
            done,
        };
        if let Err(unsent) = sender.send(request) {
            drop(queue);
            (unsent.0.done)(Err(Error::LogClosed {
                reason: "the log's writer has stopped".to_owned(),
            }));
        }
    }

    fn read<T>(&self, group: GroupId, take: impl FnOnce(&GroupMemory) -> T) -> Option<T> {
        self.shared.lock().groups.get(&group).map(take)
    }
}

impl<M: LogMedium> LogStore for OrderedLog<M> {
    fn append(&self, group: GroupId, entries: Vec<LogEntry>, done: Done) {
        self.submit(
            group,
            Work::Append(entries),
            done,
            |memory, ticket, work| {
                if let Work::Append(entries) = work {
                    memory.append(ticket, entries);
                }
            },
        );
    }

    fn save_vote(&self, group: GroupId, vote: Vote, done: Done) {
        self.submit(group, Work::Vote(vote), done, |memory, _, _| {
            memory.vote = Some(vote);
        });
    }

    fn save_committed(&self, group: GroupId, committed: LogId) {
        let mut state = self.shared.lock();
        state.groups.entry(group).or_default().committed = Some(committed);
        state.unwritten_commits.insert(group, committed);
    }

    fn truncate_after(&self, group: GroupId, last: Option<LogId>, done: Done) {
        self.submit(group, Work::TruncateAfter(last), done, |memory, _, _| {
            memory.truncate_after(last);
        });
    }

    fn purge(&self, group: GroupId, upto: LogId, done: Done) {
        self.submit(group, Work::Purge(upto), done, |memory, _, _| {
            memory.purge(upto);
        });
    }

    fn entries(
        &self,
        group: GroupId,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        let Some((on_disk, here)) = self.read(group, |memory| memory.split(range)) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut take = |entry: LogEntry| {
            bytes += entry.payload.len();
            let fits = found.is_empty() || bytes <= max_bytes;
            if fits {
                found.push(entry);
            }
            fits
        };
        let mut complete = true;
        if !on_disk.is_empty() {
            let (from, to) = (
                entry_key(group, on_disk.start),
                entry_key(group, on_disk.end),
            );
            let mut expected = on_disk.start;
            self.medium
                .scan(Space::Entries, &from, &to, &mut |key, record| {
                    let entry = decode_entry(key, record)?;
                    if entry.id.index != expected {
                        return Err(Error::Damaged {
                            what: format!("entry {expected} of group {group}"),
                        });
                    }
                    expected += 1;
                    complete = take(entry);
                    Ok(complete)
                })?;
            if complete && expected != on_disk.end {
                return Err(Error::Damaged {
                    what: format!("entry {expected} of group {group}"),
                });
            }
        }
        if complete {
            let _ = here.into_iter().all(take);
        }
        Ok(found)
    }

    fn in_memory(&self, group: GroupId, range: Range<u64>) -> bool {
        self.read(group, |memory| memory.split(range).0.is_empty())
            .unwrap_or(true)
    }

    fn bounds(&self, group: GroupId) -> LogBounds {
        self.read(group, |memory| memory.bounds).unwrap_or_default()
    }

    fn vote(&self, group: GroupId) -> Option<Vote> {
        self.read(group, |memory| memory.vote).flatten()
    }

    fn committed(&self, group: GroupId) -> Option<LogId> {
        self.read(group, |memory| memory.committed).flatten()
    }

    fn close(&self) -> Result<(), Error> {
        let (sent, received) = channel();
        let done = Box::new(move |result| drop(sent.send(result)));
        self.submit(GroupId(u16::MAX), Work::Close, done, |_, _, _| {});
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let result = received.recv().unwrap_or(Ok(()));
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|t| t.join().is_err()) {
            return Err(Error::LogClosed {
                reason: "the log's writer panicked".to_owned(),
            });
        }
        result
    }
}

impl<M> Drop for OrderedLog<M> {
    fn drop(&mut self) {
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        if let Some(thread) = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            let _ = thread.join();
        }
    }
}
