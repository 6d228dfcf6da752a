//! Retries and rivals: every request takes effect once, in one order that all see.

use crate::node::{Node, append, created, finished, noise, retitled, session, store};
use aiex_session::{
    Event, EventStore, ExpectedSeq, Projection, SessionId, SessionSummary, StoreError, project,
};
use futures_util::{FutureExt, StreamExt, future::join_all, stream};
use std::collections::BTreeMap;
use std::time::Duration;

const SESSIONS: u8 = 40;
const REQUESTS: usize = 25;
const TRIES: usize = 10;
const AT_ONCE: usize = 64;

fn titles(events: &[aiex_session::Recorded]) -> Vec<String> {
    let title = |event: &Event| match event {
        Event::SessionRetitled { title } => title.clone(),
        other => panic!("not written here: {other:?}"),
    };
    events
        .iter()
        .map(|recorded| title(&recorded.event))
        .collect()
}

/// 10,000 appends of 1,000 requests, some given up in the middle, in an order that mixes them all.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_retried_appends_leave_no_duplicate() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let tries = (0..TRIES).flat_map(|attempt| {
        let requests = (0..REQUESTS).map(move |request| (attempt, request));
        requests.flat_map(|(attempt, request)| (1..=SESSIONS).map(move |n| (attempt, request, n)))
    });
    let run = |(attempt, request, n): (usize, usize, u8)| {
        let name = format!("r{request}");
        let one = append(session(n), &name, vec![retitled(&name)]);
        let node = &node;
        async move {
            let appending = node.store.append(one);
            if (attempt * 7 + request + usize::from(n)) % 5 == 0 {
                // The client goes away while the append is under way, or before.
                let _ =
                    tokio::time::timeout(Duration::from_micros(attempt as u64 * 200), appending)
                        .await;
                return None;
            }
            Some(((n, request), appending.await.unwrap()))
        }
    };
    let mut answers: BTreeMap<(u8, usize), u64> = BTreeMap::new();
    let mut all = stream::iter(tries).map(run).buffer_unordered(AT_ONCE);
    let mut answered = 0;
    while let Some(answer) = all.next().await {
        let Some((key, appended)) = answer else {
            continue;
        };
        answered += 1;
        assert_eq!(
            *answers.entry(key).or_insert(appended.first_seq),
            appended.first_seq
        );
    }
    drop(all);
    assert_eq!(answers.len(), usize::from(SESSIONS) * REQUESTS);
    assert!(answered > TRIES * REQUESTS * usize::from(SESSIONS) / 2);
    for n in 1..=SESSIONS {
        let events = node.store.read(session(n), 0, usize::MAX).await.unwrap();
        for (title, recorded) in titles(&events).iter().zip(&events) {
            let request: usize = title[1..].parse().unwrap();
            assert_eq!(answers[&(n, request)], recorded.seq, "session {n}, {title}");
        }
        assert_eq!(events.len(), REQUESTS, "session {n}");
    }
    node.stop().await;
}

async fn summary_is_right(store: &dyn EventStore, session: SessionId) {
    let events = store.read(session, 0, usize::MAX).await.unwrap();
    let summaries = store.summaries().await.unwrap();
    let (_, shown) = summaries.iter().find(|(id, _)| *id == session).unwrap();
    assert_eq!(*shown, project::<SessionSummary>(&events));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_that_do_not_know_each_other_share_a_session() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let stores = [store(&node.handle, 1), store(&node.handle, 1)];
    let one = session(1);
    let all = (0..60).map(|n| {
        let name = format!("{n}");
        stores[n % 2].append(append(one, &name, vec![retitled(&name)]))
    });
    for appended in join_all(all).await {
        assert!(!appended.unwrap().repeated);
    }
    let mut titles: Vec<u32> = titles(&node.store.read(one, 0, 100).await.unwrap())
        .iter()
        .map(|title| title.parse().unwrap())
        .collect();
    titles.sort_unstable();
    assert_eq!(titles, (0..60).collect::<Vec<_>>());
    summary_is_right(&node.store, one).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_that_opens_a_session_through_two_nodes_opens_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    for n in 1..=30 {
        let stores = [store(&node.handle, 1), store(&node.handle, 1)];
        let mut open = append(session(n), "open", vec![created("x")]);
        open.expected = ExpectedSeq::Exact(0);
        let (one, two) = tokio::join!(
            stores[0].append(open.clone()),
            stores[1].append(open.clone())
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.repeated != two.repeated, "{one:?} {two:?}");

        let mut rival = append(session(n), "rival", vec![created("y")]);
        rival.expected = ExpectedSeq::Exact(0);
        let refused = store(&node.handle, 1).append(rival).await;
        assert_eq!(refused, Err(StoreError::SeqConflict { actual: 1 }));
        let mut other = open;
        other.events = vec![created("z")];
        let refused = store(&node.handle, 1).append(other).await;
        assert!(
            matches!(refused, Err(StoreError::IdempotencyConflict { .. })),
            "{refused:?}"
        );
        assert_eq!(node.store.read(session(n), 0, 9).await.unwrap().len(), 1);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fell_behind_lists_what_others_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let other = store(&node.handle, 1);
    let one = session(1);
    node.store
        .append(append(one, "1", vec![created("first")]))
        .await
        .unwrap();
    other
        .append(append(one, "2", vec![retitled("second")]))
        .await
        .unwrap();
    summary_is_right(&node.store, one).await;
    node.store
        .append(append(one, "3", vec![finished("c", &noise(3, 9_000))]))
        .await
        .unwrap();
    summary_is_right(&other, one).await;
    let mut summary = SessionSummary::default();
    let events = other.read(one, 0, 9).await.unwrap();
    events.iter().for_each(|event| summary.apply(event));
    assert_eq!((summary.title.as_str(), summary.head_seq), ("second", 3));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_is_woken_by_another_writer_and_by_the_end_of_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let other = store(&node.handle, 1);
    let mut waiting = node.store.wait_beyond(session(1), 0);
    assert!((&mut waiting).now_or_never().is_none());
    let (head, appended) = tokio::join!(
        waiting,
        other.append(append(session(1), "1", vec![created("x")]))
    );
    assert_eq!((head, appended.unwrap().last_seq), (Ok(1), 1));

    let waiting = other.wait_beyond(session(1), 1);
    let (stopped, ()) = tokio::join!(waiting, node.stop());
    assert!(
        matches!(stopped, Err(StoreError::Unavailable(_))),
        "{stopped:?}"
    );
}
