//! Wire dialects: pure functions from a request to bytes and from bytes to stream events.
//!
//! No network, no time, no retry. A dialect keeps block order, signatures and the raw text of
//! tool arguments, and refuses loudly what it cannot carry.

pub(crate) mod anthropic;
mod assembly;
mod fault;
pub(crate) mod openai;

use crate::config::ProviderConfig;
use crate::error::Error;
use crate::request::ModelRequest;
use crate::sse::SseEvent;
use crate::stream::StreamEvent;
use aiex_session::{ContentBlock, StopReason, Usage};
use http::{HeaderMap, HeaderValue};

/// What a model said, before the provider puts its name on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) content: Vec<ContentBlock>,
    pub(crate) stop: StopReason,
    pub(crate) usage: Usage,
}

/// One protocol.
pub(crate) trait Wire: Send + Sync + 'static {
    /// The address of a call under `base_url`.
    fn url(&self, base_url: &str) -> String;

    /// Headers of every call, the key among them (marked sensitive).
    fn headers(&self, key: Option<HeaderValue>) -> HeaderMap;

    /// The body of a call. Equal requests give equal bytes.
    fn encode(
        &self,
        model: &str,
        request: &ModelRequest,
        options: &ProviderConfig,
    ) -> Result<Vec<u8>, Error>;

    /// A fresh reader for one streamed answer. Tool calls without an id get one from `call_id`.
    fn reader(&self, call_id: &str) -> Box<dyn AnswerReader>;

    /// Reads an answer that came whole.
    fn whole(&self, call_id: &str, body: &[u8]) -> Result<Answer, Error>;

    /// Says what a refusal means.
    fn refusal(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Error;
}

/// Reads one streamed answer event by event.
pub(crate) trait AnswerReader: Send {
    /// Takes one event; what the person may see is pushed to `out`.
    /// Gives true when the dialect says that nothing more will come.
    fn read(&mut self, event: &SseEvent, out: &mut Vec<StreamEvent>) -> Result<bool, Error>;

    /// The whole answer, once the server has ended it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Cut`] when the model had not finished.
    fn finish(&mut self) -> Result<Answer, Error>;
}
