//! The service over a network in memory, on a clock that jumps: no test waits for real time.

mod faults;
mod life;
mod village;
