//! RocksDB settings shared by the log and the state: small, quiet, and without background work while idle.

use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, LogLevel, Options, WriteBufferManager};

/// Memory bounds of one node's databases, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// Block cache shared by all column families.
    pub block_cache_bytes: usize,
    /// All write buffers of the state database together.
    pub write_buffers_bytes: usize,
    /// One write buffer.
    pub write_buffer_bytes: usize,
    /// Live write-ahead files of the log; reaching it flushes the oldest.
    pub max_wal_bytes: u64,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            block_cache_bytes: 32 << 20,
            write_buffers_bytes: 32 << 20,
            write_buffer_bytes: 4 << 20,
            max_wal_bytes: 64 << 20,
        }
    }
}

/// The cache and buffer budget that the databases of one node share.
pub(crate) struct Engine {
    limits: EngineLimits,
    cache: Cache,
    buffers: WriteBufferManager,
}

const MAX_OPEN_FILES: i32 = 256;
const BACKGROUND_JOBS: i32 = 2;
const ARENA_BLOCK_BYTES: usize = 64 << 10;
const KEPT_INFO_FILES: usize = 2;
const INFO_FILE_BYTES: usize = 1 << 20;

impl Engine {
    pub(crate) fn new(limits: EngineLimits) -> Self {
        Self {
            limits,
            cache: Cache::new_lru_cache(limits.block_cache_bytes),
            buffers: WriteBufferManager::new_write_buffer_manager(
                limits.write_buffers_bytes,
                false,
            ),
        }
    }

    pub(crate) fn limits(&self) -> EngineLimits {
        self.limits
    }

    pub(crate) fn database_options(&self) -> Options {
        let mut options = Options::default();
        options.set_max_open_files(MAX_OPEN_FILES);
        options.set_max_background_jobs(BACKGROUND_JOBS);
        options.set_write_buffer_manager(&self.buffers);
        options.set_log_level(LogLevel::Warn);
        options.set_keep_log_file_num(KEPT_INFO_FILES);
        options.set_max_log_file_size(INFO_FILE_BYTES);
        // Periodic statistics would wake an idle node.
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options
    }

    pub(crate) fn family_options(&self) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        table.set_cache_index_and_filter_blocks(true);
        let mut options = Options::default();
        options.set_block_based_table_factory(&table);
        options.set_write_buffer_size(self.limits.write_buffer_bytes);
        options.set_arena_block_size(ARENA_BLOCK_BYTES);
        options.set_compression_type(DBCompressionType::Lz4);
        options
    }
}
