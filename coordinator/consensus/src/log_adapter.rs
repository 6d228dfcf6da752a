//! One group's log as the consensus library wants it, over the node's [`LogStore`].

use std::{
    fmt::Debug,
    io,
    ops::{Bound, Range, RangeBounds},
    sync::Arc,
};

use aiex_storage::{Error, GroupId, LogStore};
use openraft::{
    LogState, OptionalSend, RaftLogReader,
    storage::{IOFlushed, RaftLogStorage},
};
use tokio::sync::oneshot;

use crate::{
    codec::{library_entry, library_id, library_vote, stored_entry, stored_id, stored_vote},
    settings::REPLICATE_BYTES,
    types::{Entry, LogId, Types, Vote},
};

/// The log of one group. Cheap to clone.
#[derive(Clone)]
pub(crate) struct GroupLog {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) group: GroupId,
}

pub(crate) fn io_error(error: Error) -> io::Error {
    io::Error::other(error)
}

impl GroupLog {
    async fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let in_memory = self.store.in_memory(self.group, range.clone());
        let (store, group) = (Arc::clone(&self.store), self.group);
        let read = move || -> Result<Vec<Entry>, Error> {
            store
                .entries(group, range, max_bytes)?
                .into_iter()
                .map(library_entry)
                .collect()
        };
        // The usual case costs no change of thread; the disk is never touched on an async worker.
        let entries = if in_memory {
            read()
        } else {
            tokio::task::spawn_blocking(read)
                .await
                .map_err(io::Error::other)?
        };
        entries.map_err(io_error)
    }

    /// Queues a write and waits until it is durable.
    async fn durably(&self, write: impl FnOnce(aiex_storage::Done)) -> io::Result<()> {
        let (sent, done) = oneshot::channel();
        write(Box::new(move |result| drop(sent.send(result))));
        match done.await {
            Ok(result) => result.map_err(io_error),
            Err(_) => Err(io::Error::other("the log's writer has stopped")),
        }
    }
}

fn bounds<R: RangeBounds<u64>>(range: &R) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl RaftLogReader<Types> for GroupLog {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        self.read(bounds(&range), usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end, REPLICATE_BYTES).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.store.vote(self.group).map(library_vote))
    }
}

impl RaftLogStorage<Types> for GroupLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let bounds = self.store.bounds(self.group);
        let library = |id: Option<_>| id.map(library_id);
        Ok(LogState {
            last_purged_log_id: library(bounds.purged),
            last_log_id: library(bounds.last),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.durably(|done| self.store.save_vote(self.group, stored_vote(vote), done))
            .await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            self.store.save_committed(self.group, stored_id(&committed));
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.store.committed(self.group).map(library_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries
            .into_iter()
            .map(|entry| stored_entry(&entry))
            .collect();
        self.store.append(
            self.group,
            entries,
            Box::new(move |result| callback.io_completed(result.map_err(io_error))),
        );
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.durably(|done| {
            self.store
                .truncate_after(self.group, last.as_ref().map(stored_id), done);
        })
        .await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.durably(|done| self.store.purge(self.group, stored_id(&upto), done))
            .await
    }
}
