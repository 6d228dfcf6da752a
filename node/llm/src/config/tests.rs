//! Every mistake in a configuration names its key.

use super::*;
use crate::error::ErrorKind;
use serde_json::json;

fn parse(value: serde_json::Value) -> Result<Config, String> {
    serde_json::from_value::<Config>(value).map_err(|error| error.to_string())
}

fn wrong_key(value: serde_json::Value) -> (String, String, String) {
    let error = parse(value)
        .expect("parses")
        .check()
        .expect_err("is refused");
    match error.kind {
        ErrorKind::Config { key } => (key, error.message, error.hint),
        other => panic!("not a configuration error: {other:?}"),
    }
}

#[test]
fn an_empty_table_is_valid() {
    parse(json!({})).unwrap().check().unwrap();
}

#[test]
fn the_documented_shape_is_valid() {
    let config = parse(json!({
        "provider": [
            {"name": "openai", "dialect": "openai", "base_url": "https://api.openai.com/v1", "key": "env:K"},
            {"name": "anthropic", "dialect": "anthropic", "base_url": "https://api.anthropic.com", "key": "file:/k"},
            {"name": "offline", "dialect": "offline"}
        ],
        "route": [{"model": "large", "targets": ["openai/org/gpt", "anthropic/claude", "offline/offline"]}],
        "timeouts": {"silence_ms": 100}
    }))
    .unwrap();
    config.check().unwrap();
    assert_eq!(config.timeouts.silence_ms, 100);
    assert_eq!(config.timeouts.connect_ms, 5_000);
    assert_eq!(split_target("openai/org/gpt"), Some(("openai", "org/gpt")));
}

#[test]
fn dialects_of_later_versions_are_named_in_the_refusal() {
    for dialect in ["openai-responses", "gemini", "ollama"] {
        let (key, message, hint) = wrong_key(json!({
            "provider": [{"name": "p", "dialect": dialect, "base_url": "http://h"}],
            "route": [{"model": "m", "targets": ["p/m"]}]
        }));
        assert_eq!(key, "llm.provider[0].dialect");
        assert!(
            message.contains(dialect) && message.contains("not supported by this version"),
            "{message}"
        );
        assert!(hint.contains("anthropic"));
    }
}

#[test]
fn each_mistake_names_its_key() {
    let provider = json!({"name": "p", "dialect": "openai", "base_url": "http://h"});
    let cases = [
        (json!({"provider": [provider]}), "llm.route"),
        (
            json!({"provider": [{"name": "P!", "dialect": "openai", "base_url": "http://h"}]}),
            "llm.provider[0].name",
        ),
        (
            json!({"provider": [{"name": "offline", "dialect": "openai", "base_url": "http://h"}]}),
            "llm.provider[0].name",
        ),
        (
            json!({"provider": [provider, provider]}),
            "llm.provider[1].name",
        ),
        (
            json!({"provider": [{"name": "p", "dialect": "openai", "base_url": "ftp://h"}]}),
            "llm.provider[0].base_url",
        ),
        (
            json!({"provider": [{"name": "p", "dialect": "openai"}]}),
            "llm.provider[0].base_url",
        ),
        (
            json!({"route": [{"model": "m", "targets": []}]}),
            "llm.route[0].targets",
        ),
        (
            json!({"route": [{"model": "m", "targets": ["q/m"]}]}),
            "llm.route[0].targets",
        ),
        (
            json!({"route": [{"model": "m", "targets": ["offline"]}]}),
            "llm.route[0].targets",
        ),
        (json!({"default_model": "m"}), "llm.default_model"),
        (
            json!({"retry": {"attempts_max": 0}}),
            "llm.retry.attempts_max",
        ),
        (
            json!({"retry": {"backoff_start_ms": 9000}}),
            "llm.retry.backoff_start_ms",
        ),
        (
            json!({"timeouts": {"total_ms": 0}}),
            "llm.timeouts.total_ms",
        ),
        (
            json!({"breaker": {"failure_percent": 101}}),
            "llm.breaker.failure_percent",
        ),
    ];
    for (value, key) in cases {
        assert_eq!(wrong_key(value.clone()).0, key, "{value}");
    }
}

#[test]
fn an_unknown_key_or_dialect_does_not_parse() {
    assert!(
        parse(json!({"providers": []}))
            .unwrap_err()
            .contains("providers")
    );
    let error =
        parse(json!({"provider": [{"name": "p", "dialect": "opnai", "base_url": "http://h"}]}));
    assert!(error.unwrap_err().contains("opnai"));
}
