//! A store over a shared memory that fails as told: a shard without a leader, a node that dies.

use aiex_session::{
    Append, Appended, EventStore, MemoryStore, Recorded, Seq, SessionId, StoreError, StoreFuture,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What happens to one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tests) enum Fault {
    /// Refused, and not done.
    Unavailable,
    /// Done, and the answer lost.
    AnswerLost,
}

#[derive(Debug, Default)]
struct Plan {
    /// Appends that go well before the faults begin.
    passes: usize,
    faults: VecDeque<Fault>,
    /// Appends that would go beyond this number of the session never return, as on a dead node.
    dies_after: Option<Seq>,
    /// The append that goes beyond it is done nevertheless; only its answer never comes.
    dies_acknowledging: bool,
}

pub(in crate::tests) struct FaultyStore {
    kept: Arc<MemoryStore>,
    plan: Mutex<Plan>,
}

impl FaultyStore {
    pub(in crate::tests) fn new(kept: Arc<MemoryStore>) -> Self {
        Self {
            kept,
            plan: Mutex::default(),
        }
    }

    pub(in crate::tests) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan.lock().unwrap().faults.extend(faults);
    }

    pub(in crate::tests) fn heal(&self) {
        self.plan.lock().unwrap().faults.clear();
    }

    pub(in crate::tests) fn die_after(&self, seq: Seq, acknowledging: bool) {
        let mut plan = self.plan.lock().unwrap();
        plan.dies_after = Some(seq);
        plan.dies_acknowledging = acknowledging;
    }

    /// Lets appends go well before the faults that were or will be told.
    pub(in crate::tests) fn pass(&self, appends: usize) {
        self.plan.lock().unwrap().passes = appends;
    }

    fn fault(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        if plan.passes > 0 {
            plan.passes -= 1;
            return None;
        }
        plan.faults.pop_front()
    }

    async fn append_or_fail(&self, append: Append) -> Result<Appended, StoreError> {
        let unavailable = || Err(StoreError::Unavailable("no leader".to_owned()));
        match self.fault() {
            Some(Fault::Unavailable) => return unavailable(),
            Some(Fault::AnswerLost) => {
                self.kept.append(append).await?;
                return unavailable();
            }
            None => {}
        }
        let head = self.kept.head(append.session).await?;
        let last = head + append.events.len() as Seq;
        let (dies, acknowledging) = {
            let plan = self.plan.lock().unwrap();
            (
                plan.dies_after.is_some_and(|seq| last > seq),
                plan.dies_acknowledging,
            )
        };
        if dies {
            // what a dead node proposed may still be committed, but only once: it proposes nothing after it
            let first = self
                .plan
                .lock()
                .unwrap()
                .dies_after
                .is_some_and(|seq| head <= seq);
            if acknowledging && first {
                self.kept.append(append).await?;
            }
            return std::future::pending().await;
        }
        self.kept.append(append).await
    }
}

impl EventStore for FaultyStore {
    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        Box::pin(self.append_or_fail(append))
    }

    fn read(&self, session: SessionId, after: Seq, limit: usize) -> StoreFuture<'_, Vec<Recorded>> {
        self.kept.read(session, after, limit)
    }

    fn head(&self, session: SessionId) -> StoreFuture<'_, Seq> {
        self.kept.head(session)
    }

    fn wait_beyond(&self, session: SessionId, after: Seq) -> StoreFuture<'_, Seq> {
        self.kept.wait_beyond(session, after)
    }

    fn list(&self) -> StoreFuture<'_, Vec<(SessionId, Seq)>> {
        self.kept.list()
    }
}
