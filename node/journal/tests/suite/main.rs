//! The journal over a real node: real log, real disk, real restarts.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod blobs;
mod contract;
mod node;
mod races;
mod restart;
