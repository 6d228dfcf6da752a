//! The service over a network in memory, on a clock that jumps.
