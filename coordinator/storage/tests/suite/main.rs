//! The contract that every implementation of the stores passes, and what the real one does with damaged files.

mod crash_image;
mod log_contract;
mod log_power_loss;
mod state_contract;
