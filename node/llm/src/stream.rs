//! What comes back while a model speaks.

use crate::error::Error;
use aiex_session::{ContentBlock, StopReason, Usage};
use futures_util::stream::BoxStream;

/// One step of an answer. The last is always [`StreamEvent::Finished`]; a stream that ends without it was cut.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    TextDelta(String),
    ThinkingDelta(String),
    /// A call begins; its arguments follow in [`StreamEvent::Finished`] whole.
    ToolUseStarted {
        id: String,
        name: String,
    },
    Finished(Reply),
}

/// A whole answer.
///
/// `usage` is the provider's own figures in one meaning: `input_tokens` holds all input, cached input
/// included, and `output_tokens` all output, thinking included, whatever the dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub provider: String,
    pub model: String,
    pub content: Vec<ContentBlock>,
    pub stop: StopReason,
    pub usage: Usage,
}

/// An answer on its way. Dropping it cancels the call.
pub type ReplyStream = BoxStream<'static, Result<StreamEvent, Error>>;
