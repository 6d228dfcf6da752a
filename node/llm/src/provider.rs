//! The port every provider implements.

use crate::error::Error;
use crate::request::ModelRequest;
use crate::stream::{Reply, ReplyStream};
use futures_util::future::BoxFuture;

/// Speaks one dialect to one base URL with one key.
pub trait Provider: Send + Sync + 'static {
    /// The name from the configuration.
    fn name(&self) -> &str;

    /// Starts one call. `model` is the provider's own model id. No retry in here.
    fn call(
        &self,
        model: &str,
        request: &ModelRequest,
    ) -> BoxFuture<'static, Result<ReplyStream, Error>>;
}

/// Answers from the syntax tree alone; injected, because it stands on a higher floor.
pub trait OfflineEngine: Send + Sync + 'static {
    /// Pure in the request: the same transcript gives the same reply on every node.
    fn reply(&self, request: &ModelRequest) -> Result<Reply, Error>;
}
