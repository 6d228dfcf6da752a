//! The gateway against the scripted provider: both dialects, every fault, and the bill.
#![allow(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

mod answers;
mod bills;
mod faults;
mod world;
