//! The cluster side on real disks: everything here is RocksDB, consensus and fsync.

mod child;
mod counter;
mod disk_full;
mod kill;
mod lost_files;
mod one_node;
mod refusals;
