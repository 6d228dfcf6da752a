//! What refusals mean.

use super::*;
use http::{HeaderName, HeaderValue};

type Pairs<'a> = &'a [(&'static str, &'static str)];

fn headers(pairs: Pairs<'_>) -> HeaderMap {
    let pair = |&(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    pairs.iter().map(pair).collect()
}

#[test]
fn waits_are_read_in_order_of_precision() {
    let cases: &[(Pairs, Option<u64>)] = &[
        (&[], None),
        (
            &[("retry-after-ms", "250.2"), ("retry-after", "9")],
            Some(251),
        ),
        (&[("retry-after", "1.5")], Some(1_500)),
        (&[("retry-after", "-1")], None),
        (&[("retry-after", "NaN")], None),
        (&[("retry-after", "1e300")], Some(RETRY_AFTER_MS_MAX)),
        (
            &[
                ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"),
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ],
            Some(3_000),
        ),
        (
            &[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "6m0s"),
            ],
            Some(360_000),
        ),
        (
            &[
                ("x-ratelimit-remaining-requests", "4"),
                ("x-ratelimit-reset-requests", "6m0s"),
            ],
            None,
        ),
        (
            &[
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "250ms"),
            ],
            Some(250),
        ),
    ];
    for (given, expected) in cases {
        assert_eq!(retry_after_ms(&headers(given)), *expected, "{given:?}");
    }
}

#[test]
fn go_durations() {
    for (text, expected) in [
        ("1s", Some(1_000)),
        ("1h2m3.5s", Some(3_723_500)),
        ("", None),
        ("5", None),
        ("5y", None),
    ] {
        assert_eq!(go_duration_ms(text), expected, "{text}");
    }
}

const LIMITED: ErrorKind = ErrorKind::RateLimited {
    retry_after_ms: Some(2_000),
};

const REFUSALS: &[(u16, &str, ErrorKind)] = &[
    (
        401,
        r#"{"error":{"message":"Incorrect API key sk-1","type":"invalid_request_error","code":"invalid_api_key"}}"#,
        ErrorKind::Auth,
    ),
    (
        403,
        r#"{"type":"error","error":{"type":"permission_error","message":"no"}}"#,
        ErrorKind::Auth,
    ),
    (402, "pay", ErrorKind::Quota),
    (
        429,
        r#"{"error":{"message":"slow","type":"requests","code":"rate_limit_exceeded"}}"#,
        LIMITED,
    ),
    (
        429,
        r#"{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}"#,
        ErrorKind::Quota,
    ),
    (429, "", LIMITED),
    (
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
        ErrorKind::Overloaded {
            retry_after_ms: Some(2_000),
        },
    ),
    (
        500,
        r#"{"error":{"message":null,"type":"server_error","code":null}}"#,
        ErrorKind::Server,
    ),
    (502, "<html>", ErrorKind::Server),
    (
        400,
        r#"{"error":{"message":"This model's maximum context length is 8","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
        ErrorKind::ContextTooLong,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
        ErrorKind::ContextTooLong,
    ),
    (
        413,
        r#"{"type":"error","error":{"type":"request_too_large","message":"big"}}"#,
        ErrorKind::ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"message":"bad","type":"invalid_request_error"}}"#,
        ErrorKind::BadRequest,
    ),
    (
        404,
        r#"{"type":"error","error":{"type":"not_found_error","message":"model"}}"#,
        ErrorKind::BadRequest,
    ),
    (0, r#"{"error":{"message":"x","code":429}}"#, LIMITED),
    (
        0,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
        ErrorKind::Overloaded {
            retry_after_ms: Some(2_000),
        },
    ),
    (302, "", ErrorKind::Unknown { status: 302 }),
];

#[test]
fn refusals_mean_what_the_provider_meant() {
    let headers = headers(&[("retry-after", "2")]);
    for (status, body, expected) in REFUSALS {
        let error = FaultBody::from_bytes(body.as_bytes()).into_error(*status, &headers);
        assert_eq!(&error.kind, expected, "{status} {body}");
        assert!(
            !error.message.contains("sk-1"),
            "a key leaked: {}",
            error.message
        );
    }
}
