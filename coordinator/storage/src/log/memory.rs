//! The log of one group as held in memory: its ends, its vote, and a bounded tail of entries.
//!
//! Entries stay here at least until the writer has written them, so a reader never sees a gap between queue and disk.

use std::{collections::VecDeque, ops::Range};

use super::{LogBounds, LogEntry, LogId, Vote};

/// Numbers the queued writes of a node; a write is on the medium when the writer has passed its ticket.
pub(crate) type Ticket = u64;

#[derive(Debug, Default)]
pub(crate) struct GroupMemory {
    pub(crate) bounds: LogBounds,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    /// Index of the first entry; where the log of a new group begins is for its first append to say.
    first: u64,
    tail: VecDeque<(Ticket, LogEntry)>,
    tail_bytes: usize,
}

impl GroupMemory {
    pub(crate) fn recovered(
        bounds: LogBounds,
        vote: Option<Vote>,
        committed: Option<LogId>,
    ) -> Self {
        let first = bounds.purged.map_or(0, |id| id.index + 1);
        Self {
            bounds,
            vote,
            committed,
            first,
            ..Self::default()
        }
    }

    /// Returns whether `entries` continue the log without a gap.
    pub(crate) fn continues(&self, entries: &[LogEntry]) -> bool {
        let mut next = self.bounds.last.map(|id| id.index + 1);
        entries.iter().all(|e| {
            next.replace(e.id.index + 1)
                .is_none_or(|expected| e.id.index == expected)
        })
    }

    pub(crate) fn append(&mut self, ticket: Ticket, entries: &[LogEntry]) {
        if let (None, Some(entry)) = (self.bounds.last, entries.first()) {
            self.first = entry.id.index;
        }
        for entry in entries {
            self.bounds.last = Some(entry.id);
            self.tail_bytes += entry.payload.len();
            self.tail.push_back((ticket, entry.clone()));
        }
    }

    pub(crate) fn truncate_after(&mut self, last: Option<LogId>) {
        let end = last.map_or(0, |id| id.index + 1);
        while self.tail.back().is_some_and(|(_, e)| e.id.index >= end) {
            self.drop_entry(|tail| tail.pop_back());
        }
        // Cutting never lengthens: a position beyond the end leaves the log as it is.
        if self.bounds.last.is_some_and(|current| current.index >= end) {
            self.bounds.last = last.max(self.bounds.purged);
        }
    }

    pub(crate) fn purge(&mut self, upto: LogId) {
        while self
            .tail
            .front()
            .is_some_and(|(_, e)| e.id.index <= upto.index)
        {
            self.drop_entry(VecDeque::pop_front);
        }
        self.bounds.purged = self.bounds.purged.max(Some(upto));
        self.first = self.first.max(upto.index + 1);
        self.bounds.last = self.bounds.last.max(self.bounds.purged);
    }

    /// Forgets the oldest entries beyond `limit` bytes, but none that the writer has not passed.
    pub(crate) fn evict(&mut self, written: Ticket, limit: usize) {
        while self.tail_bytes > limit
            && self
                .tail
                .front()
                .is_some_and(|(ticket, _)| *ticket <= written)
        {
            self.drop_entry(VecDeque::pop_front);
        }
    }

    /// Cuts `wanted` to what exists, and splits it into the part on disk and the entries held here.
    pub(crate) fn split(&self, wanted: Range<u64>) -> (Range<u64>, Vec<LogEntry>) {
        let end = self.bounds.last.map_or(0, |id| id.index + 1);
        let wanted = wanted.start.max(self.first)..wanted.end.min(end);
        let held = self.tail.front().map_or(u64::MAX, |(_, e)| e.id.index);
        let skip = wanted.start.saturating_sub(held) as usize;
        let take = wanted.end.saturating_sub(wanted.start.max(held)) as usize;
        let here = self
            .tail
            .iter()
            .skip(skip)
            .take(take)
            .map(|(_, e)| e.clone())
            .collect();
        (wanted.start..wanted.end.min(held).max(wanted.start), here)
    }

    fn drop_entry(
        &mut self,
        pop: impl FnOnce(&mut VecDeque<(Ticket, LogEntry)>) -> Option<(Ticket, LogEntry)>,
    ) {
        if let Some((_, entry)) = pop(&mut self.tail) {
            self.tail_bytes -= entry.payload.len();
        }
    }
}
