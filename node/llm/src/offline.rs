//! The provider that needs no model: calls the injected engine and streams its answer.

use crate::error::{Error, ErrorKind};
use crate::provider::{OfflineEngine, Provider};
use crate::request::ModelRequest;
use crate::stream::{Reply, ReplyStream, StreamEvent};
use crate::tasks;
use aiex_session::ContentBlock;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Most replies computed at once; more wait, so that analysis cannot take every blocking thread.
const OFFLINE_CALLS_MAX: usize = 8;
/// Most bytes of one delta.
const DELTA_BYTES_MAX: usize = 512;

/// Speaks for the offline engine.
pub(crate) struct OfflineProvider {
    name: String,
    engine: Arc<dyn OfflineEngine>,
    permits: Arc<Semaphore>,
}

impl OfflineProvider {
    pub(crate) fn new(name: impl Into<String>, engine: Arc<dyn OfflineEngine>) -> Self {
        Self {
            name: name.into(),
            engine,
            permits: Arc::new(Semaphore::new(OFFLINE_CALLS_MAX)),
        }
    }
}

impl Provider for OfflineProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn call(
        &self,
        model: &str,
        request: &ModelRequest,
    ) -> BoxFuture<'static, Result<ReplyStream, Error>> {
        let (engine, permits) = (Arc::clone(&self.engine), Arc::clone(&self.permits));
        let (name, model, request) = (self.name.clone(), model.to_owned(), request.clone());
        async move {
            let permit = permits.acquire_owned().await.map_err(|_| {
                Error::new(ErrorKind::Offline, "the offline engine is shutting down")
            })?;
            let mut reply = tasks::offline_reply(engine, request, permit).await?;
            reply.provider = name;
            reply.model = model;
            Ok(stream::iter(events_of(reply).into_iter().map(Ok)).boxed())
        }
        .boxed()
    }
}

/// A whole reply as the steps it would have been streamed in.
pub(crate) fn events_of(reply: Reply) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    for block in &reply.content {
        match block {
            ContentBlock::Text { text } => {
                events.extend(pieces(text).map(|piece| StreamEvent::TextDelta(piece.to_owned())));
            }
            ContentBlock::Thinking { text, .. } => {
                events
                    .extend(pieces(text).map(|piece| StreamEvent::ThinkingDelta(piece.to_owned())));
            }
            ContentBlock::ToolUse { id, name, .. } => {
                events.push(StreamEvent::ToolUseStarted {
                    id: id.clone(),
                    name: name.clone(),
                });
            }
            ContentBlock::RedactedThinking { .. }
            | ContentBlock::ToolResult { .. }
            | ContentBlock::Other { .. } => {}
        }
    }
    events.push(StreamEvent::Finished(reply));
    events
}

/// Cuts at line ends where it can, inside a long line at a character boundary.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut cut = rest.len().min(DELTA_BYTES_MAX);
            while !rest.is_char_boundary(cut) {
                cut -= 1;
            }
            let (piece, tail) = rest.split_at(cut);
            rest = tail;
            Some(piece)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiex_session::{StopReason, Usage};

    #[test]
    fn pieces_are_the_text_again_and_never_split_a_character() {
        let text = format!("één\n{}\r\n\nlast", "é".repeat(700));
        let cut: Vec<&str> = pieces(&text).collect();
        assert_eq!(cut.concat(), text);
        assert!(cut.iter().all(|piece| piece.len() <= DELTA_BYTES_MAX));
    }

    #[test]
    fn a_reply_becomes_deltas_and_then_itself() {
        let reply = Reply {
            provider: "offline".into(),
            model: "offline".into(),
            content: vec![
                ContentBlock::Text {
                    text: "a\nb".into(),
                },
                ContentBlock::ToolUse {
                    id: "1".into(),
                    name: "read".into(),
                    arguments: "{}".into(),
                },
            ],
            stop: StopReason::ToolUse,
            usage: Usage::default(),
        };
        assert_eq!(
            events_of(reply.clone()),
            [
                StreamEvent::TextDelta("a\n".into()),
                StreamEvent::TextDelta("b".into()),
                StreamEvent::ToolUseStarted {
                    id: "1".into(),
                    name: "read".into()
                },
                StreamEvent::Finished(reply),
            ]
        );
    }
}
