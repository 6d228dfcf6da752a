//! What is acknowledged is there after a restart, and readable by nobody else.

use crate::node::{Node, append, created, files, finished, noise, retitled, session, store};
use aiex_session::{Appended, EventStore, ExpectedSeq, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_events_results_and_summaries() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    for n in 1..=20 {
        let one = append(session(n), "create", vec![created(&format!("title {n}"))]);
        node.store.append(one).await.unwrap();
    }
    let large = noise(1, 50_000);
    let second = append(
        session(1),
        "second",
        vec![finished("c", &large), retitled("new")],
    );
    node.store.append(second.clone()).await.unwrap();
    let before = node.store.read(session(1), 0, 100).await.unwrap();
    let mut listed = node.store.list().await.unwrap();
    let mut shown = node.store.summaries().await.unwrap();
    node.stop().await;

    let node = Node::start(dir.path()).await;
    assert_eq!(node.store.read(session(1), 0, 100).await, Ok(before));
    let repeated = Appended {
        first_seq: 2,
        last_seq: 3,
        repeated: true,
    };
    assert_eq!(node.store.append(second).await, Ok(repeated));
    let mut listed_after = node.store.list().await.unwrap();
    let mut shown_after = node.store.summaries().await.unwrap();
    listed.sort();
    listed_after.sort();
    assert_eq!(listed_after, listed);
    shown.sort_by_key(|(id, _)| *id);
    shown_after.sort_by_key(|(id, _)| *id);
    assert_eq!(shown_after, shown);
    let mut next = append(session(1), "third", vec![retitled("newer")]);
    next.expected = ExpectedSeq::Exact(3);
    assert_eq!(node.store.append(next).await.map(|a| a.last_seq), Ok(4));
    let summaries = node.store.summaries().await.unwrap();
    let (_, first) = summaries.iter().find(|(id, _)| *id == session(1)).unwrap();
    assert_eq!((first.title.as_str(), first.head_seq), ("newer", 4));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_session_can_be_read_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let secret = "the-secret-of-the-session";
    let mut one = append(
        session(1),
        "create",
        vec![created(secret), finished("c", &noise(2, 20_000))],
    );
    one.actor = format!("user:{secret}");
    node.store.append(one).await.unwrap();
    let shard = node.store.shard_of(session(1));
    node.handle.snapshot(shard).await.unwrap();

    let other = store(&node.handle, 2);
    let refused = other.read(session(1), 0, 10).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Damaged(why) if why.contains("master key")),
        "{refused}"
    );
    node.stop().await;

    let (start, all) = (&noise(2, 20_000)[..64], files(dir.path()));
    assert!(all.len() > 3);
    for file in all {
        let bytes = std::fs::read(&file).unwrap();
        for text in [secret, start] {
            let found = bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes());
            assert!(!found, "{text} in {}", file.display());
        }
    }
}
