//! Why the edge did not serve.

/// Failures of the ports themselves; a call's own failures are its status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a port stopped serving")]
    Serve(#[source] std::io::Error),
    #[error("the contract's descriptors do not load")]
    Reflection(#[source] tonic_reflection::server::Error),
    #[error("the first token cannot be made: {0}")]
    FirstToken(String),
}
