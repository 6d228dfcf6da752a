//! Unary calls against the generated server: credentials, retries, refusals.

use super::*;
use crate::tests::node::TestNode;

fn list() -> ListSessionsRequest {
    ListSessionsRequest {
        limit: 5,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_call_carries_token_trace_and_request_id() {
    let node = TestNode::start().await;
    node.client().await.list(list()).await.expect("a list");
    let log = node.log();
    assert_eq!(log.authorizations, ["Bearer aiex_t_secret"]);
    let parts: Vec<usize> = log.traceparents[0].split('-').map(str::len).collect();
    assert_eq!(parts, [2, 32, 16, 2], "{:?}", log.traceparents);
    assert_eq!(log.request_ids[0].len(), 36);
}

#[tokio::test]
async fn an_unavailable_node_is_asked_again_under_the_same_id() {
    let node = TestNode::start().await;
    node.log().refusals = 2;
    node.client()
        .await
        .list(list())
        .await
        .expect("the third try succeeds");
    let log = node.log();
    assert_eq!(log.unary_calls, 3);
    assert!(
        log.request_ids.iter().all(|id| *id == log.request_ids[0]),
        "{:?}",
        log.request_ids
    );
}

#[tokio::test]
async fn retries_end() {
    let node = TestNode::start().await;
    node.log().refusals = 100;
    let error = node
        .client()
        .await
        .list(list())
        .await
        .expect_err("no quorum");
    assert_eq!(
        (error.code, error.hint.as_str()),
        (ErrorCode::Unavailable, "wait")
    );
    assert_eq!(node.log().unary_calls, 4);
}

#[tokio::test]
async fn an_import_is_never_repeated() {
    let node = TestNode::start().await;
    let client = node.client().await;
    node.log().refusals = 1;
    let document = vec![DocumentChunk {
        data: "12345".into(),
    }];
    client
        .import(document.clone())
        .await
        .expect_err("refused once");
    assert_eq!(node.log().unary_calls, 1);
    let summary = client.import(document).await.expect("imported");
    assert_eq!(summary.session_id, "imported-5");
}

#[tokio::test]
async fn a_refusal_keeps_code_message_and_hint_and_is_final() {
    let node = TestNode::start().await;
    let error = node
        .client()
        .await
        .get(GetSessionRequest::default())
        .await
        .expect_err("unknown session");
    assert_eq!(error.code, ErrorCode::NotFound);
    assert_eq!(error.message, "no session s-9");
    assert_eq!(error.hint, "see aiex list sessions");
    assert_eq!(node.log().unary_calls, 1);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let node = TestNode::start().await;
    // Bound and dropped again: nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("bind")
        .local_addr()
        .expect("address");
    let endpoints = Endpoints::parse(&format!("{closed},{}", node.address)).expect("endpoints");
    let token = Token::new("t").expect("token");
    let client = Client::connect(endpoints, token.clone())
        .await
        .expect("the second address answers");
    client.list(list()).await.expect("a list");
    let nobody = Endpoints::parse(&closed.to_string()).expect("endpoint");
    let error = Client::connect(nobody, token)
        .await
        .expect_err("nobody listens");
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(
        error.message.contains(&closed.to_string()),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn an_export_arrives_in_order() {
    let node = TestNode::start().await;
    let mut document = Vec::new();
    let client = node.client().await;
    client
        .export("s-1".into(), |chunk| {
            document.extend_from_slice(&chunk);
            Ok(())
        })
        .await
        .expect("the document");
    assert_eq!(document, b"{\"format\":1}\n{\"seq\":1}\n");
}

#[tokio::test]
async fn https_without_an_authority_is_refused_clearly() {
    let endpoints = Endpoints::parse("https://127.0.0.1:1").expect("endpoint");
    let error = Client::connect(endpoints, Token::new("t").expect("token"))
        .await
        .expect_err("no authority");
    assert!(error.message.contains("ca_file"), "{}", error.message);
}

#[test]
fn calls_can_run_in_spawned_tasks() {
    fn sendable<T: Send>(_: T) {}
    fn check(client: &Client) {
        sendable(client.list(ListSessionsRequest::default()));
        sendable(client.upload(Vec::new()));
    }
    let _compiles: fn(&Client) = check;
}
