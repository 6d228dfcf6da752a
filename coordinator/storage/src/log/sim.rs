//! A simulated disk for the log: it forgets what was not synced, and fails on demand.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use super::{Change, LogConfig, LogMedium, OrderedLog, Space, Witness, medium::Visit};
use crate::Error;

/// The log store over a simulated disk.
pub type SimLog = OrderedLog<SimDisk>;

/// What a simulated disk shall do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every write fails for want of space.
    DiskFull,
    /// Every sync fails.
    SyncFails,
    /// Syncs say they worked and did nothing: a drive that lies.
    SyncLies,
}

/// A disk that outlives its process. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
    witness: Arc<AtomicU64>,
}

type Pairs = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

#[derive(Default)]
struct Inner {
    live: Pairs,
    durable: Pairs,
    unsynced: Vec<Vec<Change>>,
    fault: Option<Fault>,
}

impl SimDisk {
    /// Opens the log on this disk.
    ///
    /// # Errors
    /// As [`OrderedLog::open`].
    pub fn open_log(&self, config: LogConfig) -> Result<SimLog, Error> {
        OrderedLog::open(
            self.clone(),
            Box::new(Shared(Arc::clone(&self.witness))),
            config,
        )
    }

    /// Sets or clears a fault.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// Loses power: keeps what was synced, and of the unsynced batches the first `torn` only.
    pub fn crash(&self, torn: usize) {
        let mut inner = self.lock();
        let survived: Vec<_> = inner.unsynced.drain(..).take(torn).collect();
        let mut durable = std::mem::take(&mut inner.durable);
        survived
            .iter()
            .flatten()
            .for_each(|change| apply(&mut durable, change));
        inner.live.clone_from(&durable);
        inner.durable = durable;
    }

    /// Returns how many write rounds were synced.
    pub fn rounds(&self) -> u64 {
        self.witness.round()
    }

    /// Flips the lowest bit of the last byte of a stored value; returns whether there was one.
    pub fn flip_bit(&self, space: Space, key: &[u8]) -> bool {
        self.edit(|pairs| {
            pairs
                .get_mut(&(space, key.to_vec()))
                .and_then(|v| v.last_mut())
                .map(|byte| *byte ^= 1)
                .is_some()
        })
    }

    /// Removes a stored value, as a bad sector or a stray hand would; returns whether there was one.
    pub fn lose(&self, space: Space, key: &[u8]) -> bool {
        self.edit(|pairs| pairs.remove(&(space, key.to_vec())).is_some())
    }

    fn edit(&self, mut change: impl FnMut(&mut Pairs) -> bool) -> bool {
        let mut inner = self.lock();
        let found = change(&mut inner.live);
        change(&mut inner.durable) || found
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(pairs: &mut Pairs, change: &Change) {
    match change {
        Change::Put(space, key, value) => {
            pairs.insert((*space, key.clone()), value.clone());
        }
        Change::DeleteRange(space, from, to) => {
            pairs.retain(|(s, key), _| s != space || key < from || key >= to);
        }
    }
}

impl LogMedium for SimDisk {
    fn write(&self, batch: &[Change]) -> Result<(), Error> {
        let mut inner = self.lock();
        if inner.fault == Some(Fault::DiskFull) {
            return Err(Error::DiskFull);
        }
        batch
            .iter()
            .for_each(|change| apply(&mut inner.live, change));
        inner.unsynced.push(batch.to_vec());
        Ok(())
    }

    fn sync(&self) -> Result<(), Error> {
        let mut inner = self.lock();
        match inner.fault {
            Some(Fault::SyncFails) => Err(Error::Io("input/output error".to_owned())),
            Some(Fault::SyncLies) => Ok(()),
            Some(Fault::DiskFull) | None => {
                for change in inner.unsynced.drain(..).flatten().collect::<Vec<_>>() {
                    apply(&mut inner.durable, &change);
                }
                Ok(())
            }
        }
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lock().live.get(&(space, key.to_vec())).cloned())
    }

    fn scan(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        if from >= to {
            return Ok(());
        }
        let bounds = (
            Bound::Included((space, from.to_vec())),
            Bound::Excluded((space, to.to_vec())),
        );
        // Copied out, so that `visit` may use the disk.
        let pairs: Vec<_> = self
            .lock()
            .live
            .range(bounds)
            .map(|((_, k), v)| (k.clone(), v.clone()))
            .collect();
        for (key, value) in pairs {
            if !visit(&key, &value)? {
                break;
            }
        }
        Ok(())
    }
}

struct Shared(Arc<AtomicU64>);

impl Witness for Shared {
    fn round(&self) -> u64 {
        self.0.round()
    }

    fn note(&self, round: u64) {
        self.0.note(round);
    }
}
