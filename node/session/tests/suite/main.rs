//! The session from outside: what may happen, what follows, and what stays equal whatever happens.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod export_document;
mod given;
mod golden;
mod life_cycle;
mod projections;
mod properties;
mod samples;
mod tool_calls;
mod undo_and_fork;
