//! The cluster side on real disks: everything here is RocksDB, consensus and fsync.

mod counter;
mod one_node;
