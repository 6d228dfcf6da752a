//! What survives `kill -9`: sessions, edits, order.

mod kill_nine;
mod seed;
