//! What a provider's refusal means: status, error type and headers to one kind of failure.

use crate::error::{Error, ErrorKind, excerpt};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest wait believed; a provider that says more is asked again after this.
const RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;

/// Types sent with any 5xx, so that a status, where there is one, says more.
const SERVER_TYPES: [&str; 2] = ["api_error", "server_error"];

/// The error object of both dialects; every field may be missing or of an odd type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FaultBody {
    pub(crate) message: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// A string at OpenAI, a number at some servers that resemble it.
    pub(crate) code: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Envelope {
    error: FaultBody,
}

impl FaultBody {
    /// Reads `{"error": {…}}`; anything else gives its text as the message.
    pub(crate) fn from_bytes(body: &[u8]) -> Self {
        serde_json::from_slice(body).map_or_else(
            |_| Self {
                message: Some(String::from_utf8_lossy(body).into_owned()),
                ..Self::default()
            },
            |envelope: Envelope| envelope.error,
        )
    }

    /// The failure, given the status (0 when it came inside a stream).
    pub(crate) fn into_error(self, status: u16, headers: &HeaderMap) -> Error {
        let code = self
            .code
            .as_ref()
            .map_or("", |raw| raw.get().trim_matches('"'));
        let status = if status == 0 {
            code.parse().unwrap_or(0)
        } else {
            status
        };
        let kind = self.kind.as_deref().unwrap_or_default();
        let text = self.message.as_deref().unwrap_or_default();
        let retry_after_ms = retry_after_ms(headers);
        let meaning = by_name(kind, code, text, retry_after_ms)
            .or((status == 0 && SERVER_TYPES.contains(&kind)).then_some(ErrorKind::Server))
            .unwrap_or_else(|| by_status(status, retry_after_ms));
        let said = excerpt(text);
        let what = match &meaning {
            // a refused key is sometimes repeated in the provider's text: do not pass that on
            ErrorKind::Auth => return Error::new(meaning, "the provider refused the key"),
            ErrorKind::Quota => "the provider's account is exhausted",
            ErrorKind::RateLimited { .. } => "the provider's rate limit is reached",
            ErrorKind::Overloaded { .. } => "the provider is overloaded",
            ErrorKind::Server => "the provider failed",
            ErrorKind::ContextTooLong => "the prompt does not fit the model's window",
            ErrorKind::BadRequest => "the provider refused the request",
            ErrorKind::Timeout { .. } => "the provider ran out of time",
            _ => "the provider gave an unknown error",
        };
        let status = if status == 0 {
            String::new()
        } else {
            format!(" ({status})")
        };
        let colon = if said.is_empty() { "" } else { ": " };
        Error::new(meaning, format!("{what}{status}{colon}{said}"))
    }
}

/// Error types and codes say more than the status, and are all there is inside a stream.
fn by_name(kind: &str, code: &str, text: &str, retry_after_ms: Option<u64>) -> Option<ErrorKind> {
    let long = code == "context_length_exceeded"
        || kind == "request_too_large"
        || text.contains("prompt is too long")
        || text.contains("maximum context length");
    if long {
        return Some(ErrorKind::ContextTooLong);
    }
    if code == "insufficient_quota" || kind == "insufficient_quota" || kind == "billing_error" {
        return Some(ErrorKind::Quota);
    }
    Some(match kind {
        "authentication_error" | "permission_error" => ErrorKind::Auth,
        "rate_limit_error" | "rate_limit_exceeded" | "tokens" | "requests" => {
            ErrorKind::RateLimited { retry_after_ms }
        }
        "overloaded_error" => ErrorKind::Overloaded { retry_after_ms },
        "timeout_error" => ErrorKind::Timeout {
            stage: crate::error::Stage::FirstOutput,
        },
        "invalid_request_error" if code == "invalid_api_key" => ErrorKind::Auth,
        "not_found_error" => ErrorKind::BadRequest,
        // `invalid_request_error` is also what OpenAI sends with 401 and 403: the status decides
        _ => return None,
    })
}

const fn by_status(status: u16, retry_after_ms: Option<u64>) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Auth,
        402 => ErrorKind::Quota,
        429 => ErrorKind::RateLimited { retry_after_ms },
        503 | 529 => ErrorKind::Overloaded { retry_after_ms },
        408 | 504 => ErrorKind::Timeout {
            stage: crate::error::Stage::FirstOutput,
        },
        413 => ErrorKind::ContextTooLong,
        400..=499 => ErrorKind::BadRequest,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::Unknown { status },
    }
}

/// How long the server asks to wait: `retry-after-ms`, `retry-after` as seconds or date, then the
/// resets of used-up limits.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = text("retry-after-ms")
        .and_then(|value| millis(value, 1.0))
        .or_else(|| text("retry-after").and_then(|value| millis(value, 1_000.0)))
        .or_else(|| {
            // a date is read against the server's own clock, so ours does not matter
            let until = jiff::fmt::rfc2822::parse(text("retry-after")?)
                .ok()?
                .timestamp();
            let now = jiff::fmt::rfc2822::parse(text("date")?).ok()?.timestamp();
            u64::try_from(until.as_millisecond().saturating_sub(now.as_millisecond())).ok()
        })
        .or_else(|| {
            ["requests", "tokens"]
                .iter()
                .filter(|what| text(&format!("x-ratelimit-remaining-{what}")) == Some("0"))
                .filter_map(|what| go_duration_ms(text(&format!("x-ratelimit-reset-{what}"))?))
                .max()
        });
    asked.map(|wait_ms| wait_ms.min(RETRY_AFTER_MS_MAX))
}

fn millis(text: &str, unit_ms: f64) -> Option<u64> {
    let value: f64 = text.trim().parse().ok()?;
    // the cast saturates, and the sign and NaN are excluded before it
    (value.is_finite() && value >= 0.0).then_some((value * unit_ms).ceil() as u64)
}

/// Reads `1s`, `6m0s`, `250ms`, `1h2m3.5s`.
fn go_duration_ms(text: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|ch: char| !ch.is_ascii_digit() && ch != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest
            .find(|ch: char| ch.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit_ms = match &rest[..end] {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return None,
        };
        total += value * unit_ms;
        rest = &rest[end..];
    }
    (total.is_finite() && !text.trim().is_empty()).then_some(total.ceil() as u64)
}

#[cfg(test)]
mod tests;
