//! Whole lines and whole shutdowns, with a captured sink.

use super::*;
use crate::{LogFormat, Redact, adopt_parent, inject, trace_id};
use http::{HeaderMap, HeaderValue};
use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tracing::{Instrument as _, info, info_span, warn};

type Lines = Arc<Mutex<Vec<String>>>;

const REDACT: Redact = |text| {
    if text.contains("aiex_secret") {
        Cow::Owned(text.replace("aiex_secret", "[redacted]"))
    } else {
        Cow::Borrowed(text)
    }
};

fn built(config: &Config) -> (Built, Lines) {
    let lines = Lines::default();
    let sink = Arc::clone(&lines);
    let process = Process {
        node: "n1".into(),
        version: "0.1.0".into(),
        redact: REDACT,
    };
    let sink: Sink = Box::new(move |line| {
        sink.lock()
            .unwrap()
            .push(String::from_utf8(line.to_vec()).unwrap());
    });
    (build(config, &process, sink).unwrap(), lines)
}

fn logged(config: &Config, work: impl FnOnce()) -> Vec<String> {
    let (built, lines) = built(config);
    tracing::dispatcher::with_default(&built.dispatch, work);
    let lines = lines.lock().unwrap();
    lines.clone()
}

fn json(line: &str) -> serde_json::Value {
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn a_line_carries_the_ids_of_the_spans_around_it() {
    let lines = logged(&Config::default(), || {
        let session = info_span!("session", session = "s-1", shard = 3, other = "no");
        let turn = session.in_scope(|| info_span!("turn", turn = tracing::field::Empty));
        turn.record("turn", 7);
        turn.in_scope(|| info!(tokens = 12, "asked {}", "model"));
        info!("outside");
    });
    assert_eq!(lines.len(), 2);
    let inside = json(&lines[0]);
    assert_eq!(inside["message"], "asked model");
    assert_eq!(inside["session"], "s-1");
    assert_eq!(inside["shard"], 3);
    assert_eq!(inside["turn"], 7);
    assert_eq!(inside["tokens"], 12);
    assert_eq!(inside["span"], "turn");
    assert_eq!(inside["level"], "INFO");
    assert_eq!(inside["trace_id"].as_str().unwrap().len(), 32);
    assert!(inside.get("other").is_none());
    let outside = json(&lines[1]);
    assert!(outside.get("session").is_none() && outside.get("trace_id").is_none());
}

#[tokio::test]
async fn ids_survive_a_filter_that_hides_the_span_and_an_await() {
    let config = Config {
        log_filter: "warn".into(),
        ..Config::default()
    };
    let (built, lines) = built(&config);
    let work = async {
        tokio::task::yield_now().await;
        info!("hidden");
        warn!("shown");
    };
    let guard = tracing::dispatcher::set_default(&built.dispatch);
    work.instrument(info_span!("session", session = "s-2"))
        .await;
    drop(guard);
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(json(&lines[0])["session"], "s-2");
}

#[tokio::test]
async fn secrets_long_values_and_control_characters_are_tamed() {
    let secret = || {
        info_span!("call", user = "aiex_secret").in_scope(|| {
            info!(
                header = "Bearer aiex_secret",
                long = "ä".repeat(9_000),
                "a\nb\u{1b}[2J"
            );
        });
    };
    for log_format in [LogFormat::Json, LogFormat::Text] {
        let lines = logged(
            &Config {
                log_format,
                ..Config::default()
            },
            secret,
        );
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].contains("aiex_secret"), "{}", lines[0]);
        assert_eq!(lines[0].matches("[redacted]").count(), 2);
        assert!(!lines[0].contains('\u{1b}') && lines[0].len() < 10_000);
        assert_eq!(lines[0].matches('\n').count(), 1);
    }
}

#[tokio::test]
async fn a_text_line_reads_well() {
    let config = Config {
        log_format: LogFormat::Text,
        ..Config::default()
    };
    let lines = logged(
        &config,
        || info!(target: "aiex", session = "s-3", shard = 1, "ready"),
    );
    let (time, rest) = lines[0].split_once(' ').unwrap();
    assert!(
        time.ends_with('Z') && time.len() == "2026-11-20T18:30:00.000Z".len(),
        "{time}"
    );
    assert_eq!(rest, "INFO  aiex ready session=s-3 shard=1\n");
}

#[tokio::test]
async fn trace_context_crosses_the_wire() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (built, lines) = built(&Config::default());
    tracing::dispatcher::with_default(&built.dispatch, || {
        let mut incoming = HeaderMap::new();
        incoming.insert("traceparent", HeaderValue::from_static(parent));
        let span = info_span!("rpc");
        adopt_parent(&span, &incoming);
        let mut outgoing = HeaderMap::new();
        span.in_scope(|| {
            info!("inside");
            inject(&span, &mut outgoing);
        });
        assert_eq!(trace_id(&span).unwrap(), "0af7651916cd43dd8448eb211c80319c");
        let sent = outgoing["traceparent"].to_str().unwrap();
        assert!(
            sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{sent}"
        );
        assert_ne!(sent, parent, "the child has an id of its own");

        let mut broken = HeaderMap::new();
        broken.insert("traceparent", HeaderValue::from_static("00-zz"));
        let span = info_span!("rpc");
        adopt_parent(&span, &broken);
        assert_ne!(trace_id(&span).unwrap(), "0af7651916cd43dd8448eb211c80319c");
    });
    assert_eq!(
        json(&lines.lock().unwrap()[0])["trace_id"],
        "0af7651916cd43dd8448eb211c80319c"
    );
}

/// Nobody listens, or somebody accepts and never answers: neither may slow a request down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_collector_costs_nothing() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:1".to_owned(), silent] {
        let config = Config {
            trace_endpoint: Some(endpoint),
            ..Config::default()
        };
        let (built, _) = built(&config);
        let started = Instant::now();
        tracing::dispatcher::with_default(&built.dispatch, || {
            for step in 0..20_000 {
                info_span!("step", step).in_scope(|| ());
            }
        });
        let spans = started.elapsed();
        assert!(spans < Duration::from_secs(4), "20000 spans took {spans:?}");
        let started = Instant::now();
        assert!(!built.guard.shutdown().await, "spans cannot have arrived");
        let shutdown = started.elapsed();
        assert!(
            shutdown < SHUTDOWN_LIMIT + Duration::from_secs(1),
            "{shutdown:?}"
        );
    }
}

/// With a collector there, spans do leave: the first bytes are an HTTP/2 preface.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_are_sent_to_the_endpoint() {
    use tokio::io::AsyncReadExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let config = Config {
        trace_endpoint: Some(endpoint),
        ..Config::default()
    };
    let (built, _) = built(&config);
    tracing::dispatcher::with_default(&built.dispatch, || info_span!("work").in_scope(|| ()));
    let (received, _) = tokio::join!(
        async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut preface = [0; 14];
            stream.read_exact(&mut preface).await.unwrap();
            preface
        },
        built.guard.shutdown(),
    );
    assert_eq!(&received, b"PRI * HTTP/2.0");
}

#[tokio::test]
async fn wrong_filters_are_refused_by_name() {
    for (log_filter, trace_filter, name) in [
        ("info,=", "info", "log_filter"),
        ("info", "aiex=loud", "trace_filter"),
    ] {
        let config = Config {
            log_filter: log_filter.into(),
            trace_filter: trace_filter.into(),
            ..Config::default()
        };
        let process = Process {
            node: "1".into(),
            version: "0".into(),
            redact: REDACT,
        };
        match build(&config, &process, Box::new(|_| ())).map(|_| ()) {
            Err(Error::Filter { setting, .. }) => assert_eq!(setting, name),
            other => panic!("{log_filter} {trace_filter}: {other:?}"),
        }
    }
}
