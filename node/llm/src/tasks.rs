//! Where this crate leaves the async workers: only for the offline engine.

use crate::error::{Error, ErrorKind};
use crate::provider::OfflineEngine;
use crate::request::ModelRequest;
use crate::stream::Reply;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Task `llm-offline`: one reply of the offline engine on a blocking thread.
///
/// Owned by the caller's future; it ends with the engine's answer. A blocking thread cannot be
/// cancelled, so an abandoned call finishes in the background and gives `permit` back then.
pub(crate) async fn offline_reply(
    engine: Arc<dyn OfflineEngine>,
    request: ModelRequest,
    permit: OwnedSemaphorePermit,
) -> Result<Reply, Error> {
    let task = tokio::task::spawn_blocking(move || {
        let reply = engine.reply(&request);
        drop(permit);
        reply
    });
    match task.await {
        Ok(reply) => reply,
        Err(_) => Err(Error::new(
            ErrorKind::Offline,
            "the offline engine stopped on this request",
        )
        .with_hint("this is a fault of ours: please report the file it was asked about")),
    }
}
