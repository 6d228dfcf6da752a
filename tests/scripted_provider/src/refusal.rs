//! Error answers, in the words, shape and headers of the real servers.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// Which server is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
}

impl Dialect {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}

/// A request that is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The field that is wrong (OpenAI).
    pub(crate) param: Option<String>,
    /// Replaces the dialect's type and code for this status.
    pub(crate) kind: Option<String>,
    pub(crate) retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            kind: None,
            retry_after_ms: None,
        }
    }

    /// The request is wrong at `param`.
    pub(crate) fn bad(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::new(400, message)
        }
    }

    /// The error as the dialect writes it.
    pub(crate) fn body(&self, dialect: Dialect, request_id: &str) -> Value {
        match dialect {
            Dialect::OpenAi => {
                let (kind, code) = openai_names(self.status);
                let kind = self.kind.as_deref().unwrap_or(kind);
                let code = self.kind.as_deref().or(code);
                json!({"error": {"message": self.message, "type": kind, "param": self.param, "code": code}})
            }
            Dialect::Anthropic => {
                let kind = self.kind.as_deref().unwrap_or(anthropic_name(self.status));
                let message = match &self.param {
                    Some(param) => format!("{param}: {}", self.message),
                    None => self.message.clone(),
                };
                json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})
            }
        }
    }

    pub(crate) fn response(
        &self,
        dialect: Dialect,
        request_id: &str,
        now_unix_ms: i64,
    ) -> Response {
        let body = self.body(dialect, request_id).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: String| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        set(CONTENT_TYPE.as_str(), "application/json".to_owned());
        if let Some(wait_ms) = self.retry_after_ms {
            set("retry-after-ms", wait_ms.to_string());
            set("retry-after", wait_ms.div_ceil(1_000).to_string());
        }
        for (name, value) in limits(
            dialect,
            self.status == 429,
            self.retry_after_ms,
            now_unix_ms,
        ) {
            set(name, value);
        }
        for (name, value) in identity(dialect, request_id) {
            set(name, value);
        }
        response
    }
}

/// Headers that name the request.
pub(crate) fn identity(dialect: Dialect, request_id: &str) -> Vec<(&'static str, String)> {
    match dialect {
        Dialect::OpenAi => vec![
            ("x-request-id", request_id.to_owned()),
            ("openai-processing-ms", "3".to_owned()),
            ("openai-version", "2020-10-01".to_owned()),
        ],
        Dialect::Anthropic => vec![("request-id", request_id.to_owned())],
    }
}

/// Rate-limit headers; `reached` sets the remaining requests to nothing.
pub(crate) fn limits(
    dialect: Dialect,
    reached: bool,
    reset_ms: Option<u64>,
    now_unix_ms: i64,
) -> Vec<(&'static str, String)> {
    let remaining = if reached { "0" } else { "4999" }.to_owned();
    let reset_ms = reset_ms.unwrap_or(12);
    match dialect {
        Dialect::OpenAi => vec![
            ("x-ratelimit-limit-requests", "5000".to_owned()),
            ("x-ratelimit-remaining-requests", remaining),
            ("x-ratelimit-reset-requests", format!("{reset_ms}ms")),
            ("x-ratelimit-limit-tokens", "800000".to_owned()),
            ("x-ratelimit-remaining-tokens", "799000".to_owned()),
            ("x-ratelimit-reset-tokens", "75ms".to_owned()),
        ],
        Dialect::Anthropic => {
            let at_ms = now_unix_ms.saturating_add(i64::try_from(reset_ms).unwrap_or(i64::MAX));
            let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::MAX);
            vec![
                ("anthropic-ratelimit-requests-limit", "5000".to_owned()),
                ("anthropic-ratelimit-requests-remaining", remaining),
                ("anthropic-ratelimit-requests-reset", at.to_string()),
                ("anthropic-ratelimit-tokens-limit", "800000".to_owned()),
                ("anthropic-ratelimit-tokens-remaining", "799000".to_owned()),
                ("anthropic-ratelimit-tokens-reset", at.to_string()),
            ]
        }
    }
}

/// Type and code by status.
const fn openai_names(status: u16) -> (&'static str, Option<&'static str>) {
    match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        403 => (
            "invalid_request_error",
            Some("unsupported_country_region_territory"),
        ),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..=499 => ("invalid_request_error", None),
        _ => ("server_error", None),
    }
}

/// Type by status.
const fn anthropic_name(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// What the real servers say, for faults that give no words of their own.
pub(crate) const fn words(status: u16) -> &'static str {
    match status {
        401 => "Incorrect API key provided.",
        402 => "Your credit balance is too low.",
        403 => "You are not allowed to use this resource.",
        404 => "The model does not exist or you do not have access to it.",
        429 => "Rate limit reached for requests. Please try again later.",
        503 | 529 => "Overloaded",
        500..=599 => "The server had an error while processing your request. Sorry about that!",
        _ => "The request is not valid.",
    }
}
