//! A recorded body, cut everywhere and handed over in pieces of every size.

use super::*;
use crate::breaker::scatter;
use aiex_scripted_provider::{Part, Script, ScriptedProvider, Step};
use aiex_session::ContentBlock;
use serde_json::json;

/// The body of one streamed answer with everything in it, as it stands on the wire.
async fn recorded(dialect: Dialect) -> Vec<u8> {
    let say = vec![
        Part::Thinking("Hm, 🦀.".into()),
        Part::RedactedThinking("eA==".into()),
        Part::Text("Hé \\\\ \"".into()),
    ];
    let step = Step {
        say,
        ..Step::default()
    }
    .and_tool("read", json!({"path": "a\\\\é.ex"}))
    .and_tool("list", json!("  "));
    let provider = ScriptedProvider::start(Script::of_steps([step]))
        .await
        .unwrap();
    let (url, mut body) = match dialect {
        Dialect::Openai => (
            format!("{}/chat/completions", provider.openai_base_url()),
            json!({}),
        ),
        _ => (
            format!("{}/v1/messages", provider.anthropic_base_url()),
            json!({"max_tokens": 9}),
        ),
    };
    body["model"] = json!("m");
    body["stream"] = json!(true);
    body["messages"] = json!([{"role": "user", "content": "x"}]);
    let client = client(&TimeoutConfig::default(), true).unwrap();
    let request = client
        .post(url)
        .header("anthropic-version", "2023-06-01")
        .json(&body);
    request
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap()
        .to_vec()
}

/// Reads `bytes` in pieces of `piece_bytes` and then a proper end.
async fn read(
    dialect: Dialect,
    bytes: &[u8],
    piece_bytes: usize,
) -> Vec<Result<StreamEvent, Error>> {
    let wire: Arc<dyn Wire> = match dialect {
        Dialect::Openai => Arc::new(OpenAi),
        _ => Arc::new(Anthropic),
    };
    let reader = wire.reader("call");
    let pieces: Vec<reqwest::Result<Bytes>> = bytes
        .chunks(piece_bytes)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let mut streaming = Streaming {
        attempt: Attempt {
            wire,
            timeouts: TimeoutConfig::default(),
            provider: "p".into(),
            model: "m".into(),
            call_id: "call".into(),
        },
        body: Body {
            chunks: stream::iter(pieces).boxed(),
            silence_ms: 1_000,
            taken: 0,
        },
        sse: SseDecoder::default(),
        reader,
        ready: VecDeque::new(),
        over: false,
    };
    let mut events = Vec::new();
    while let Some(event) = streaming.next().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn a_cut_at_every_byte_gives_a_prefix_and_an_error_or_the_whole_answer() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        let bytes = recorded(dialect).await;
        let whole = read(dialect, &bytes, bytes.len()).await;
        let Some(Ok(StreamEvent::Finished(reply))) = whole.last() else {
            panic!("{whole:?}")
        };
        let calls = reply
            .content
            .iter()
            .filter(|it| matches!(it, ContentBlock::ToolUse { .. }));
        assert_eq!(calls.count(), 2);
        let (mut errors, mut replies) = (0, 0);
        for cut in 0..bytes.len() {
            let events = read(dialect, &bytes[..cut], bytes.len()).await;
            let (last, before) = events.split_last().expect("something always ends it");
            assert!(whole.starts_with(before), "byte {cut}: not a prefix");
            match last {
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Cut, "byte {cut}");
                    errors += 1;
                }
                Ok(StreamEvent::Finished(cut_reply)) => {
                    // the model had finished; only the usage behind it may be missing
                    assert_eq!(
                        (&cut_reply.content, cut_reply.stop),
                        (&reply.content, reply.stop)
                    );
                    replies += 1;
                }
                Ok(other) => panic!("byte {cut}: ended by {other:?}"),
            }
        }
        assert!(
            errors > replies && replies > 0,
            "{errors} errors, {replies} replies"
        );
    }
}

#[tokio::test]
async fn pieces_of_every_size_give_the_same_events() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        let bytes = recorded(dialect).await;
        let whole = read(dialect, &bytes, bytes.len()).await;
        for piece_bytes in (1..40).chain([64, 333, 1_000]) {
            assert_eq!(
                read(dialect, &bytes, piece_bytes).await,
                whole,
                "{piece_bytes}"
            );
        }
    }
}

/// Damage may give an error or another answer, never a panic, an endless stream, or two ends.
#[tokio::test]
async fn damaged_bytes_never_break_the_reader() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        let bytes = recorded(dialect).await;
        for seed in 0..600_u64 {
            let mut damaged = bytes.clone();
            for step in 0..=seed % 4 {
                let random = scatter(seed * 8 + step);
                let place = (random % damaged.len() as u64) as usize;
                match random >> 61 {
                    0 => damaged.truncate(place.max(1)),
                    1 => drop(damaged.remove(place)),
                    2 => damaged.insert(place, b"{}[]\":,\n\r\\0"[(random >> 32) as usize % 11]),
                    3 => damaged.extend_from_within(place..),
                    _ => damaged[place] = (random >> 24) as u8,
                }
            }
            let events = read(dialect, &damaged, 97).await;
            let ends = events
                .iter()
                .filter(|it| matches!(it, Err(_) | Ok(StreamEvent::Finished(_))));
            assert_eq!(ends.count(), 1, "seed {seed}");
            assert!(
                !matches!(events.last(), Some(Ok(StreamEvent::TextDelta(_))) | None),
                "seed {seed}"
            );
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_stopped() {
    let piece = Bytes::from(vec![b':'; 1 << 20]);
    let pieces = stream::iter((0..70).map(move |_| Ok(piece.clone())));
    let mut body = Body {
        chunks: pieces.boxed(),
        silence_ms: 1_000,
        taken: 0,
    };
    let ended = loop {
        match body.next().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(
        ended.unwrap_err().kind,
        ErrorKind::Limit {
            limit: "answer_bytes"
        }
    );
}

#[test]
fn only_this_machine_is_loopback() {
    for (url, expected) in [
        ("http://127.0.0.1:8080/v1", true),
        ("http://localhost", true),
        ("http://[::1]:1", true),
        ("https://api.openai.com/v1", false),
        ("http://10.0.0.1", false),
        ("http://localhost.example.com", false),
    ] {
        assert_eq!(is_loopback(url), expected, "{url}");
    }
}
