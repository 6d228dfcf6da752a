//! The log's medium in RocksDB: a column family for entries, one for meta, and the only synced write-ahead file of a node.

use std::{path::Path, sync::Arc};

use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBRecoveryMode, DBWithThreadMode, Direction,
    IteratorMode, MultiThreaded, WriteBatch, WriteOptions,
};

use super::{Change, LogMedium, OrderedLog, Space, medium::Visit};
use crate::{Error, datadir::Held, engine::Engine};

/// The log store of a node.
pub type RocksLog = OrderedLog<RocksMedium>;

/// A RocksDB under the log.
pub struct RocksMedium {
    db: DBWithThreadMode<MultiThreaded>,
    // Declared, and so dropped, after the database.
    _held: Arc<Held>,
}

const ENTRIES: &str = "raft";
const META: &str = "meta";

impl RocksMedium {
    /// Opens the database at `path`; makes it only if `create`.
    pub(crate) fn open(
        path: &Path,
        engine: &Engine,
        create: bool,
        held: Arc<Held>,
    ) -> Result<Self, Error> {
        let mut options = engine.database_options();
        options.create_if_missing(create);
        options.create_missing_column_families(create);
        // A torn tail is cut here; whether acknowledged rounds were in it is for the witness to say.
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        options.set_manual_wal_flush(true);
        options.set_max_total_wal_size(engine.limits().max_wal_bytes);
        let families =
            [ENTRIES, META].map(|name| ColumnFamilyDescriptor::new(name, engine.family_options()));
        let db =
            DBWithThreadMode::open_cf_descriptors(&options, path, families).map_err(|error| {
                // A database that should be there and is not has lost everything it acknowledged.
                match Error::from(error) {
                    Error::Io(text) if !create && text.contains("does not exist") => {
                        Error::Quarantined {
                            reason: format!("the log is missing ({text})"),
                        }
                    }
                    other => other,
                }
            })?;
        Ok(Self { db, _held: held })
    }

    fn family(&self, space: Space) -> Result<Arc<BoundColumnFamily<'_>>, Error> {
        let name = match space {
            Space::Entries => ENTRIES,
            Space::Meta => META,
        };
        self.db
            .cf_handle(name)
            .ok_or_else(|| Error::Io(format!("the log has no column family {name}")))
    }
}

impl LogMedium for RocksMedium {
    fn write(&self, batch: &[Change]) -> Result<(), Error> {
        let (entries, meta) = (self.family(Space::Entries)?, self.family(Space::Meta)?);
        let family = |space: &Space| {
            if *space == Space::Entries {
                &entries
            } else {
                &meta
            }
        };
        let mut writes = WriteBatch::default();
        for change in batch {
            match change {
                Change::Put(space, key, value) => writes.put_cf(family(space), key, value),
                Change::DeleteRange(space, from, to) => {
                    writes.delete_range_cf(family(space), from, to);
                }
            }
        }
        Ok(self.db.write_opt(writes, &WriteOptions::default())?)
    }

    fn sync(&self) -> Result<(), Error> {
        Ok(self.db.flush_wal(true)?)
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.db.get_cf(&self.family(space)?, key)?)
    }

    fn scan(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let mut options = rocksdb::ReadOptions::default();
        options.set_iterate_upper_bound(to.to_vec());
        let family = self.family(space)?;
        for pair in self.db.iterator_cf_opt(
            &family,
            options,
            IteratorMode::From(from, Direction::Forward),
        ) {
            let (key, value) = pair?;
            if !visit(&key, &value)? {
                break;
            }
        }
        Ok(())
    }
}
