//! The one error type of membership.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

/// Says why membership could not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error("membership setting {key} cannot be used: {reason}")]
    Config {
        /// Which setting.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// What this node says about itself does not fit a gossip state; nothing was changed.
    #[error(
        "the gossip state of this node would have {size} bytes, more than the limit of {limit}"
    )]
    StateTooLarge {
        /// Bytes of all keys and values.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The gossip address is taken or not ours.
    #[error("cannot listen for gossip on {address}/udp: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The generation file cannot be read or written. Without it a restart could go unnoticed.
    #[error("generation file {path} cannot be kept: {source}")]
    Generation {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The service has been stopped or has left.
    #[error("membership has stopped")]
    Stopped,
}
