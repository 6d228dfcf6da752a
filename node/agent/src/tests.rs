//! The agent as a whole, over a store in memory and a scripted model. Time is paused: no test waits for a clock.

mod approvals;
mod attaching;
mod failures;
mod limits;
mod takeover;
mod turns;
mod world;
