//! What survives `kill -9`: sessions, edits, order.

#![allow(clippy::print_stdout, reason = "a run tells its seed and its counts")]
#![allow(clippy::disallowed_methods, reason = "a seed is given by a variable")]

mod kill_nine;
mod seed;
