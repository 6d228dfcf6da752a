//! The contract that every implementation of the stores passes, and what the real one does with damaged files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod crash_image;
mod log_contract;
mod log_power_loss;
mod state_contract;
