//! The one suite every [`EventStore`] passes. Runs on any executor: it only awaits the store.
