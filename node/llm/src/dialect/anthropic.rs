//! Anthropic messages: typed events, content blocks by index, thinking that must come back as it was.

mod decode;
mod encode;

use super::fault::FaultBody;
use super::{Answer, AnswerReader, Wire};
use crate::config::ProviderConfig;
use crate::error::Error;
use crate::request::ModelRequest;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The version of the protocol this speaks.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The dialect; it has no state.
#[derive(Debug)]
pub(crate) struct Anthropic;

impl Wire for Anthropic {
    fn url(&self, base_url: &str) -> String {
        let base = base_url.trim_end_matches('/');
        // people write the version although this dialect's clients leave it out
        format!("{}/v1/messages", base.strip_suffix("/v1").unwrap_or(base))
    }

    fn headers(&self, key: Option<HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("anthropic-version"), VERSION);
        if let Some(key) = key {
            headers.insert(HeaderName::from_static("x-api-key"), key);
        }
        headers
    }

    fn encode(
        &self,
        model: &str,
        request: &ModelRequest,
        options: &ProviderConfig,
    ) -> Result<Vec<u8>, Error> {
        encode::body(model, request, options)
    }

    fn reader(&self, _call_id: &str) -> Box<dyn AnswerReader> {
        Box::new(decode::Reader::default())
    }

    fn whole(&self, _call_id: &str, body: &[u8]) -> Result<Answer, Error> {
        decode::whole(body)
    }

    fn refusal(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
        FaultBody::from_bytes(body).into_error(status, headers)
    }
}

#[cfg(test)]
mod tests;
