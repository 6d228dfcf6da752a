//! Plain HTTP: what probes and scrapers ask.

pub(crate) mod operations;
