//! Simulated replicas: maps that fall back to their last flush when the power fails.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Lookup, Pair, Replica, StateChange, StateStore};
use crate::{Error, GroupId};

/// The simulated state of a node. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimState {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    replicas: BTreeMap<(GroupId, u32), Content>,
    full: bool,
}

#[derive(Clone, Default)]
struct Content {
    live: Moment,
    flushed: Moment,
}

#[derive(Clone, Default)]
struct Moment {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    mark: Option<Vec<u8>>,
}

impl SimState {
    /// Loses power: every replica falls back to its last flush.
    pub fn crash(&self) {
        for content in self.lock().replicas.values_mut() {
            content.live = content.flushed.clone();
        }
    }

    /// Makes writes fail for want of space, or work again.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for SimState {
    fn replica(&self, group: GroupId, generation: u32) -> Result<Arc<dyn Replica>, Error> {
        self.lock().replicas.entry((group, generation)).or_default();
        Ok(Arc::new(SimReplica {
            state: self.clone(),
            id: (group, generation),
        }))
    }

    fn remove(&self, group: GroupId, generation: u32) -> Result<(), Error> {
        self.lock().replicas.remove(&(group, generation));
        Ok(())
    }
}

struct SimReplica {
    state: SimState,
    id: (GroupId, u32),
}

impl SimReplica {
    fn with<T>(
        &self,
        use_content: impl FnOnce(&mut Content, bool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut inner = self.state.lock();
        let full = inner.full;
        let content = inner.replicas.get_mut(&self.id);
        use_content(
            content.ok_or_else(|| Error::Io(format!("replica {} was removed", self.id.0)))?,
            full,
        )
    }
}

impl Lookup for Moment {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.pairs.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error> {
        let start = prefix.max(from).to_vec();
        let pairs = self
            .pairs
            .range(start..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit);
        Ok(pairs.map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

impl Lookup for SimReplica {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.with(|content, _| content.live.get(key))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error> {
        self.with(|content, _| content.live.scan(prefix, from, limit))
    }
}

impl Replica for SimReplica {
    fn write(&self, changes: &[StateChange], mark: &[u8]) -> Result<(), Error> {
        self.with(|content, full| {
            if full {
                return Err(Error::DiskFull);
            }
            for change in changes {
                match change {
                    StateChange::Put(key, value) => {
                        content.live.pairs.insert(key.clone(), value.clone())
                    }
                    StateChange::Delete(key) => content.live.pairs.remove(key),
                };
            }
            content.live.mark = Some(mark.to_vec());
            Ok(())
        })
    }

    fn mark(&self) -> Result<Option<Vec<u8>>, Error> {
        self.with(|content, _| Ok(content.live.mark.clone()))
    }

    fn flush(&self) -> Result<(), Error> {
        self.with(|content, full| {
            if full {
                return Err(Error::DiskFull);
            }
            content.flushed = content.live.clone();
            Ok(())
        })
    }

    fn view(&self) -> Box<dyn Lookup + '_> {
        Box::new(
            self.with(|content, _| Ok(content.live.clone()))
                .unwrap_or_default(),
        )
    }
}
