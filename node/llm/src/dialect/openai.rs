//! OpenAI chat completions, as OpenAI and the many servers that resemble it speak it.

mod decode;
mod encode;

use super::fault::FaultBody;
use super::{Answer, AnswerReader, Wire};
use crate::config::ProviderConfig;
use crate::error::Error;
use crate::request::ModelRequest;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};

/// The dialect; it has no state.
#[derive(Debug)]
pub(crate) struct OpenAi;

impl Wire for OpenAi {
    fn url(&self, base_url: &str) -> String {
        format!("{}/chat/completions", base_url.trim_end_matches('/'))
    }

    fn headers(&self, key: Option<HeaderValue>) -> HeaderMap {
        let bearer = key.and_then(|key| {
            let mut value = HeaderValue::from_bytes(&[b"Bearer ", key.as_bytes()].concat()).ok()?;
            value.set_sensitive(true);
            Some((AUTHORIZATION, value))
        });
        bearer.into_iter().collect()
    }

    fn encode(
        &self,
        model: &str,
        request: &ModelRequest,
        options: &ProviderConfig,
    ) -> Result<Vec<u8>, Error> {
        encode::body(model, request, options)
    }

    fn reader(&self, call_id: &str) -> Box<dyn AnswerReader> {
        Box::new(decode::Reader::new(call_id))
    }

    fn whole(&self, call_id: &str, body: &[u8]) -> Result<Answer, Error> {
        decode::whole(call_id, body)
    }

    fn refusal(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
        FaultBody::from_bytes(body).into_error(status, headers)
    }
}

#[cfg(test)]
mod tests;
