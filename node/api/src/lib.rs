//! The edge: wire adapters, identity, the only map from errors to statuses.
//!
//! Converts and authorizes; decides nothing. Inner rooms are reached through their handles only.

mod convert;
mod error;
mod grpc;
mod http;
mod layers;
mod metrics;
mod rooms;
mod server;
mod tasks;
mod tokens;

pub use error::Error;
pub use metrics::describe_metrics;
pub use rooms::{Life, Readiness, Rooms};
pub use server::{serve_clients, serve_operations};
pub use tokens::TokenDirectory;
