//! Large contents: stored once, read back whole, damage reported and contained.

use crate::node::{Node, append, created, files, finished, noise, retitled, session};
use aiex_session::{
    APPEND_BYTES_MAX, Content, Event, EventStore, FileChange, INLINE_BYTES_MAX, StoreError,
};
use std::path::{Path, PathBuf};

fn blobs(dir: &Path) -> Vec<PathBuf> {
    let of_blob = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "zst");
    files(dir).into_iter().filter(of_blob).collect()
}

fn changed(call_id: &str, before: &str, after: &str) -> Event {
    let content = |text: &str| Some(Content::Inline(text.to_owned()));
    let Event::ToolCallFinished {
        turn,
        call_id,
        status,
        output,
        accesses,
        verdict,
        ..
    } = finished(call_id, "ok")
    else {
        panic!("not an outcome");
    };
    let changes = vec![FileChange {
        path: "lib/a.ex".to_owned(),
        before: content(before),
        after: content(after),
    }];
    Event::ToolCallFinished {
        turn,
        call_id,
        status,
        output,
        accesses,
        changes,
        verdict,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_content_is_stored_once_and_small_ones_stay_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let (one, two, three) = (noise(1, 30_000), noise(2, 30_000), noise(3, 30_000));
    let events = vec![
        created("x"),
        changed("c1", &one, &two),
        changed("c2", &two, &three),
    ];
    node.store
        .append(append(session(1), "1", events.clone()))
        .await
        .unwrap();
    assert_eq!(blobs(dir.path()).len(), 3);
    let retried = node
        .store
        .append(append(session(1), "1", events.clone()))
        .await
        .unwrap();
    assert!(retried.repeated);
    let limit = finished("c3", &"x".repeat(INLINE_BYTES_MAX));
    node.store
        .append(append(session(1), "2", vec![limit]))
        .await
        .unwrap();
    assert_eq!(blobs(dir.path()).len(), 3);
    let read = node.store.read(session(1), 0, 3).await.unwrap();
    assert_eq!(
        read.into_iter()
            .map(|recorded| recorded.event)
            .collect::<Vec<_>>(),
        events
    );
    node.stop().await;

    // A retry after a restart finds the result, and does not write the contents again.
    let node = Node::start(dir.path()).await;
    let retried = node
        .store
        .append(append(session(1), "1", events))
        .await
        .unwrap();
    assert!(retried.repeated);
    assert_eq!(blobs(dir.path()).len(), 3);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_at_the_limit_that_does_not_compress_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let event = |n: usize, bytes| retitled(&noise(n as u64, bytes));
    let sizes = [
        vec![APPEND_BYTES_MAX - 100],
        vec![3_900; 256],
        vec![33_000; 31],
    ];
    for (n, sizes) in (1..).zip(sizes) {
        let events: Vec<Event> = sizes
            .iter()
            .enumerate()
            .map(|(n, size)| event(n, *size))
            .collect();
        node.store
            .append(append(session(n), "1", events.clone()))
            .await
            .unwrap();
        let read = node.store.read(session(n), 0, usize::MAX).await.unwrap();
        let read: Vec<Event> = read.into_iter().map(|recorded| recorded.event).collect();
        assert!(read == events, "session {n}");
    }
    let summaries = node.store.summaries().await.unwrap();
    let long = noise(0, APPEND_BYTES_MAX - 100);
    assert!(
        summaries
            .iter()
            .any(|(id, shown)| *id == session(1) && shown.title == long)
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_blob_is_reported_with_its_event_and_harms_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let large = finished("c1", &noise(1, 30_000));
    let events = vec![created("x"), large.clone(), retitled("y")];
    node.store
        .append(append(session(1), "1", events))
        .await
        .unwrap();
    let [blob] = &blobs(dir.path())[..] else {
        panic!("not one blob");
    };
    let whole = std::fs::read(blob).unwrap();

    let reported = |error: StoreError| match error {
        StoreError::Damaged(what) => assert!(what.contains("event 2"), "{what}"),
        other => panic!("not reported as damage: {other}"),
    };
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(blob, flipped).unwrap();
    reported(node.store.read(session(1), 0, 9).await.unwrap_err());
    std::fs::remove_file(blob).unwrap();
    reported(node.store.read(session(1), 1, 1).await.unwrap_err());

    assert_eq!(node.store.read(session(1), 0, 1).await.unwrap().len(), 1);
    assert_eq!(
        node.store.read(session(1), 2, 1).await.unwrap()[0].event,
        retitled("y")
    );
    node.store
        .append(append(session(1), "2", vec![retitled("z")]))
        .await
        .unwrap();
    let summaries = node.store.summaries().await.unwrap();
    assert_eq!(summaries[0].1.title, "z");
    std::fs::write(blob, whole).unwrap();
    assert_eq!(
        node.store.read(session(1), 1, 1).await.unwrap()[0].event,
        large
    );
    node.stop().await;
}
