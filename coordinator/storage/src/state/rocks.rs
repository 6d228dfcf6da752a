//! Replicas in RocksDB: one column family each, its write-ahead file off.

use std::{path::Path, sync::Arc};

use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBIteratorWithThreadMode, DBWithThreadMode,
    Direction, IteratorMode, MultiThreaded, Options, ReadOptions, SnapshotWithThreadMode,
    WriteBatch, WriteOptions,
};

use super::{Lookup, Pair, Replica, StateChange, StateStore};
use crate::{Error, GroupId, datadir::Held, engine::Engine};

type Database = DBWithThreadMode<MultiThreaded>;

struct Open {
    db: Database,
    // Declared, and so dropped, after the database.
    _held: Arc<Held>,
}

/// The state database of a node.
pub struct RocksState {
    open: Arc<Open>,
    family_options: Options,
}

/// Key of the mark; every key of the machine begins with [`MACHINE`].
const MARK: [u8; 1] = [0];
const MACHINE: u8 = 1;

impl RocksState {
    /// Opens the database at `path` with the replicas it holds; makes it when it is not there.
    pub(crate) fn open(path: &Path, engine: &Engine, held: Arc<Held>) -> Result<Self, Error> {
        let mut options = engine.database_options();
        options.create_if_missing(true);
        let exists = path.join("CURRENT").exists();
        let mut names = if exists {
            Database::list_cf(&options, path)?
        } else {
            Vec::new()
        };
        if !names.iter().any(|n| n == "default") {
            names.push("default".to_owned());
        }
        let families = names
            .into_iter()
            .map(|name| ColumnFamilyDescriptor::new(name, engine.family_options()));
        let db = Database::open_cf_descriptors(&options, path, families)?;
        Ok(Self {
            open: Arc::new(Open { db, _held: held }),
            family_options: engine.family_options(),
        })
    }
}

fn family_name(group: GroupId, generation: u32) -> String {
    format!("s{}.{generation}", group.0)
}

impl StateStore for RocksState {
    fn replica(&self, group: GroupId, generation: u32) -> Result<Arc<dyn Replica>, Error> {
        let name = family_name(group, generation);
        if self.open.db.cf_handle(&name).is_none() {
            self.open.db.create_cf(&name, &self.family_options)?;
        }
        Ok(Arc::new(RocksReplica {
            open: Arc::clone(&self.open),
            name,
        }))
    }

    fn remove(&self, group: GroupId, generation: u32) -> Result<(), Error> {
        let name = family_name(group, generation);
        match self.open.db.cf_handle(&name) {
            Some(_) => Ok(self.open.db.drop_cf(&name)?),
            None => Ok(()),
        }
    }
}

struct RocksReplica {
    open: Arc<Open>,
    name: String,
}

impl RocksReplica {
    fn family(&self) -> Result<Arc<BoundColumnFamily<'_>>, Error> {
        self.open
            .db
            .cf_handle(&self.name)
            .ok_or_else(|| Error::Io(format!("replica {} was removed", self.name)))
    }
}

fn machine_key(key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 1);
    full.push(MACHINE);
    full.extend_from_slice(key);
    full
}

/// The first key after all those that begin with `prefix`; none when there is no such key.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// Bounds and start of a scan over the machine's keys.
fn scan_plan(prefix: &[u8], from: &[u8]) -> (ReadOptions, Vec<u8>) {
    let prefix = machine_key(prefix);
    let mut options = ReadOptions::default();
    if let Some(end) = end_of(&prefix) {
        options.set_iterate_upper_bound(end);
    }
    (options, prefix.max(machine_key(from)))
}

fn collect(
    pairs: DBIteratorWithThreadMode<'_, Database>,
    limit: usize,
) -> Result<Vec<Pair>, Error> {
    pairs
        .take(limit)
        .map(|pair| {
            pair.map(|(k, v)| (k[1..].to_vec(), v.into_vec()))
                .map_err(Error::from)
        })
        .collect()
}

impl Lookup for RocksReplica {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.open.db.get_cf(&self.family()?, machine_key(key))?)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error> {
        let (options, start) = scan_plan(prefix, from);
        let mode = IteratorMode::From(&start, Direction::Forward);
        collect(
            self.open.db.iterator_cf_opt(&self.family()?, options, mode),
            limit,
        )
    }
}

impl Replica for RocksReplica {
    fn write(&self, changes: &[StateChange], mark: &[u8]) -> Result<(), Error> {
        let family = self.family()?;
        let mut batch = WriteBatch::default();
        for change in changes {
            match change {
                StateChange::Put(key, value) => batch.put_cf(&family, machine_key(key), value),
                StateChange::Delete(key) => batch.delete_cf(&family, machine_key(key)),
            }
        }
        batch.put_cf(&family, MARK, mark);
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        Ok(self.open.db.write_opt(batch, &options)?)
    }

    fn mark(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.open.db.get_cf(&self.family()?, MARK)?)
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(self.open.db.flush_cf(&self.family()?)?)
    }

    fn view(&self) -> Box<dyn Lookup + '_> {
        Box::new(View {
            snapshot: self.open.db.snapshot(),
            replica: self,
        })
    }
}

struct View<'a> {
    snapshot: SnapshotWithThreadMode<'a, Database>,
    replica: &'a RocksReplica,
}

impl Lookup for View<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .snapshot
            .get_cf(&self.replica.family()?, machine_key(key))?)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error> {
        let (options, start) = scan_plan(prefix, from);
        let mode = IteratorMode::From(&start, Direction::Forward);
        collect(
            self.snapshot
                .iterator_cf_opt(&self.replica.family()?, options, mode),
            limit,
        )
    }
}
