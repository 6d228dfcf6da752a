//! Between the wire and the rooms behind it.

pub(crate) mod error;
pub(crate) mod event;
