//! The way into a cluster: finds a node that answers, carries the credentials, streams a session.
//!
//! Knows the contract (`aiex-proto`) and nothing of terminals, files or tools. A connection ends with the last
//! clone of its [`Client`]; a [`SessionStream`] ends when it is dropped, which detaches and never ends the session.

mod call;
mod client;
mod credentials;
mod endpoints;
mod error;
mod retry;
mod session_stream;
#[cfg(test)]
mod tests;

pub use client::{Client, Config, UPLOAD_BATCH_BYTES_MAX};
pub use credentials::Token;
pub use endpoints::{ENDPOINTS_MAX, Endpoints};
pub use error::Error;
pub use retry::Backoff;
pub use session_stream::{OpenSession, SessionStream, StreamItem};
