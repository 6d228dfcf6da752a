//! The stream against a node that breaks at every possible frame.

use super::*;
use crate::tests::node::TestNode;
use crate::{Endpoints, Token};
use proptest::prelude::*;

/// What a client saw in one whole turn.
#[derive(Debug, Default)]
struct Seen {
    seqs: Vec<u64>,
    tool_calls: u32,
    approvals: u32,
    reconnects: u32,
}

fn prompt() -> Prompt {
    Prompt {
        request_id: "prompt-1".into(),
        task_json: r#"{"task":"ask","text":"why"}"#.into(),
        ..Default::default()
    }
}

async fn run_turn(stream: &mut SessionStream) -> Seen {
    let mut seen = Seen::default();
    stream.prompt(prompt());
    loop {
        match stream.next().await.expect("the session goes on") {
            StreamItem::Event(event) => {
                seen.seqs.push(event.seq);
                if event.r#type == "turn_finished" {
                    return seen;
                }
            }
            StreamItem::ApprovalRequest(request) => {
                seen.approvals += 1;
                stream.answer_approval(ApprovalAnswer {
                    call_id: request.call_id,
                    granted: true,
                    ..Default::default()
                });
            }
            StreamItem::ToolCall(call) => {
                seen.tool_calls += 1;
                stream.tool_result(ToolResult {
                    call_id: call.call_id,
                    outcome_json: "{}".into(),
                });
            }
            StreamItem::Reconnecting { .. } => seen.reconnects += 1,
            _ => {}
        }
    }
}

async fn turn_with_cuts(cuts: Vec<usize>) {
    let node = TestNode::start().await;
    node.log()
        .append("session_created", serde_json::json!({"title": "t"}));
    node.log().cuts = cuts.clone();
    let client = node.client().await;
    let mut stream = SessionStream::open(&client, OpenSession::new("s-1", 0))
        .await
        .expect("attached");
    let seen = run_turn(&mut stream).await;
    let log = node.log();
    let expected: Vec<u64> = (1..=log.events.len() as u64).collect();
    assert_eq!(
        seen.seqs, expected,
        "each event once and in order, cuts {cuts:?}"
    );
    assert_eq!(
        expected.len(),
        6,
        "one turn, one call, cuts {cuts:?}: {:?}",
        log.events
    );
    assert_eq!(
        seen.tool_calls, 1,
        "the tool is handed over once, cuts {cuts:?}"
    );
    assert_eq!(seen.approvals, 1, "the person is asked once, cuts {cuts:?}");
}

#[tokio::test]
async fn a_turn_without_faults() {
    let node = TestNode::start().await;
    let client = node.client().await;
    let mut stream = SessionStream::open(&client, OpenSession::new("s-1", 0))
        .await
        .expect("attached");
    let seen = run_turn(&mut stream).await;
    assert_eq!(
        (seen.tool_calls, seen.approvals, seen.reconnects),
        (1, 1, 0)
    );
    let log = node.log();
    assert_eq!(
        (log.attaches, log.prompts, log.results, log.answers),
        (1, 1, 1, 1)
    );
}

#[tokio::test]
async fn a_cut_at_every_frame_loses_nothing_and_repeats_nothing() {
    for cut in 0..12 {
        turn_with_cuts(vec![cut]).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_series_of_cuts_loses_nothing(cuts in prop::collection::vec(0_usize..10, 0..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(turn_with_cuts(cuts));
    }
}

#[tokio::test]
async fn a_second_attach_starts_after_the_last_event() {
    let node = TestNode::start().await;
    let client = node.client().await;
    let mut stream = SessionStream::open(&client, OpenSession::new("s-1", 0))
        .await
        .expect("attached");
    run_turn(&mut stream).await;
    let last_seq = stream.last_seq();
    drop(stream);
    let mut stream = SessionStream::open(&client, OpenSession::new("s-1", last_seq))
        .await
        .expect("attached");
    assert!(matches!(
        stream.next().await,
        Ok(StreamItem::Attached { again: false, .. })
    ));
    assert_eq!(
        stream.next().await,
        Ok(StreamItem::CaughtUp { seq: last_seq })
    );
}

#[tokio::test]
async fn the_deadline_ends_the_wait() {
    let node = TestNode::start().await;
    let client = node.client().await;
    node.log().cuts = std::iter::once(2)
        .chain(std::iter::repeat_n(0, 1000))
        .collect();
    let open = OpenSession {
        reconnect_deadline_ms: 300,
        ..OpenSession::new("s-1", 0)
    };
    let mut stream = SessionStream::open(&client, open).await.expect("attached");
    stream.prompt(prompt());
    let mut attempts = Vec::new();
    let error = loop {
        match stream.next().await {
            Ok(StreamItem::Reconnecting { attempt, .. }) => attempts.push(attempt),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(attempts.len() >= 2 && attempts.is_sorted(), "{attempts:?}");
}

#[tokio::test]
async fn a_cluster_that_moved_is_followed() {
    let first = TestNode::start().await;
    let second = TestNode::start().await;
    let client = first.client().await;
    first.log().cuts = vec![3];
    let mut stream = SessionStream::open(&client, OpenSession::new("s-1", 0))
        .await
        .expect("attached");
    stream.prompt(prompt());
    loop {
        match stream.next().await.expect("goes on") {
            StreamItem::Reconnecting { .. } => {
                client
                    .replace_endpoints(Endpoints::parse(&second.address).expect("endpoint"))
                    .await;
                break;
            }
            _ => continue,
        }
    }
    while !matches!(
        stream.next().await.expect("goes on"),
        StreamItem::Attached { again: true, .. }
    ) {}
    assert_eq!(second.log().attaches, 1);
}

#[tokio::test]
async fn an_address_where_nobody_listens_may_be_tried_again() {
    let token = Token::new("t").expect("token");
    let nobody = Endpoints::parse("127.0.0.1:1").expect("endpoint");
    let error = Client::connect(nobody, token)
        .await
        .expect_err("nobody there");
    assert!(error.retryable);
}
