//! Removes secrets from text that goes to logs and error messages.
//!
//! Works by shape, so it also hides what only looks like a secret: hiding too much is the better
//! mistake. Not a filter for prompts: those need file rules and known values as well.

use regex::{Regex, RegexSet};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Kind and pattern. What group `keep` matched stays; the rest of the match is replaced.
/// Patterns are ASCII and never match a quote or backslash at their end, so that redacted JSON
/// stays JSON.
const RULES: &[(&str, &str)] = &[
    (
        "private_key",
        r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    ("aiex_token", r"aiex_[0-9a-f]{16}_[A-Za-z0-9_-]{16,}"),
    ("api_key", r"(?-u:\b)sk-[A-Za-z0-9_-]{16,}"),
    (
        "aws_key_id",
        r"(?-u:\b)(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?-u:\b)",
    ),
    (
        "github_token",
        r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    ),
    ("gitlab_token", r"(?-u:\b)glpat-[A-Za-z0-9_-]{20,}"),
    ("slack_token", r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("google_key", r"(?-u:\b)AIza[A-Za-z0-9_-]{35}"),
    (
        "registry_token",
        r"(?-u:\b)(?:npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{40,})",
    ),
    (
        "jwt",
        r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    ),
    (
        "bearer",
        r#"(?P<keep>(?i-u:\bbearer|authorization\\?["']?[ ]*[:=][ ]*\\?["']?[a-z]{2,16})[ ]+)[A-Za-z0-9._~+/-]{8,}=*"#,
    ),
    (
        "url_password",
        r"(?P<keep>[a-z][a-z0-9+.-]{1,20}://[A-Za-z0-9._~%-]{0,64}:)[A-Za-z0-9._~%!$&*+=-]{1,256}@",
    ),
    (
        "field",
        r#"(?P<keep>(?i-u:(?:api[_-]?key|secret|secret[_-](?:access[_-])?key|passwd|password|private[_-]key|(?:access|auth|refresh|bearer)[_-]token)\\?["']?[ ]*(?:=>|[:=])[ ]*\\?["']?))[A-Za-z0-9._~+/@!$%^*=-]{6,}"#,
    ),
];

struct Rules {
    set: RegexSet,
    each: Vec<Regex>,
}

static COMPILED: LazyLock<Option<Rules>> = LazyLock::new(|| {
    let patterns = || RULES.iter().map(|(_, pattern)| *pattern);
    Some(Rules {
        set: RegexSet::new(patterns()).ok()?,
        each: patterns().map(Regex::new).collect::<Result<_, _>>().ok()?,
    })
});

/// Replaces every secret by `[redacted:<kind>]`. Text without one comes back as it is, uncopied.
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(rules) = COMPILED.as_ref() else {
        // fail closed: a test proves that this build's rules compile
        return Cow::Borrowed("[redacted: the rules do not compile]");
    };
    let hits = rules.set.matches(text);
    let mut result = Cow::Borrowed(text);
    for index in &hits {
        let replacement = format!("${{keep}}[redacted:{}]", RULES[index].0);
        let replaced = rules.each[index].replace_all(&result, replacement.as_str());
        if let Cow::Owned(changed) = replaced {
            result = Cow::Owned(changed);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_their_surroundings_stay() {
        let cases = [
            (
                "login with aiex_0123456789abcdef_AbCdEf-hIjKlMnOpQrStUv_xYz ok",
                "login with [redacted:aiex_token] ok",
            ),
            (
                "key sk-ant-api03-AbCdEfGhIjKlMnOp, next",
                "key [redacted:api_key], next",
            ),
            ("id AKIAIOSFODNN7EXAMPLE.", "id [redacted:aws_key_id]."),
            (
                r#"{"authorization":"Bearer abc.def-ghi_jkl=="}"#,
                r#"{"authorization":"Bearer [redacted:bearer]"}"#,
            ),
            (
                "Authorization: Basic YW5uOnBhc3M=",
                "Authorization: Basic [redacted:bearer]",
            ),
            (
                "postgres://app:hunter22@db/shop",
                "postgres://app:[redacted:url_password]db/shop",
            ),
            (
                r#"{"password":"correct-horse"}"#,
                r#"{"password":"[redacted:field]"}"#,
            ),
            (
                r#"{\"api_key\": \"a1b2c3d4\"}"#,
                r#"{\"api_key\": \"[redacted:field]\"}"#,
            ),
            (
                "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG",
                "AWS_SECRET_ACCESS_KEY=[redacted:field]",
            ),
            (
                "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b",
                "a [redacted:private_key] b",
            ),
            (
                "cut -----BEGIN PRIVATE KEY-----\\nMIIE",
                "cut [redacted:private_key]",
            ),
            (
                "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
                "[redacted:github_token]",
            ),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl",
                "[redacted:jwt]",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text), expected, "{text}");
            assert_eq!(redact(expected), expected, "a second pass changes nothing");
        }
    }

    #[test]
    fn ordinary_lines_are_not_copied() {
        for text in [
            "",
            "turn 3 finished: 812 tokens in 40 ms",
            r#"{"token_id":"0123456789abcdef","session":"0198-aa"}"#,
            "def token(conn), do: conn.assigns.token",
            "field :password, :string, redact: true",
            "the task-list is risk-free",
            "https://hexdocs.pm/ecto/Ecto.html#module:foo",
            "Ünïcödé ☃ sk-",
        ] {
            assert!(
                matches!(redact(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn a_real_token_never_survives() {
        use secrecy::ExposeSecret;
        for _ in 0..50 {
            let request = crate::NewToken {
                user: "ann".into(),
                roles: vec![crate::Role::Viewer],
                label: String::new(),
                lifetime_ms: 0,
            };
            let minted = crate::mint(request, 0).unwrap();
            let text = minted.text.expose_secret();
            for line in [
                format!("x{text}"),
                format!("\"{text}\""),
                format!("t={text}&u=1"),
            ] {
                let secret = &text[22..];
                assert!(!redact(&line).contains(secret), "{line}");
            }
        }
    }
}
