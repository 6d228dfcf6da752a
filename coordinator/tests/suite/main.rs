//! The cluster side on real disks: everything here is RocksDB, consensus and fsync.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod child;
mod counter;
mod disk_full;
mod kill;
mod lost_files;
mod one_node;
mod refusals;
