//! Readers that come late or read slowly see what the others see.

use super::*;
use crate::{MemberState, Readiness};
use std::time::Duration;

fn member(node: u64, generation: u64) -> Member {
    Member {
        node: NodeId(node),
        generation,
        gossip_address: ([127, 0, 0, 1], 7402).into(),
        client_address: "localhost:7400".to_owned(),
        peer_address: "localhost:7401".to_owned(),
        zone: String::new(),
        version: "0.1.0".to_owned(),
        readiness: Readiness::Ready,
        draining: false,
        storage_epoch: 0,
        state: MemberState::Up,
        since: Duration::ZERO,
        down_since: None,
    }
}

/// Reads what is there without waiting and returns the view it gives, with the number of resyncs.
async fn read_all(changes: &mut Changes, view: &mut BTreeMap<NodeId, Member>) -> usize {
    let mut resyncs = 0;
    loop {
        tokio::select! {
            biased;
            change = tokio::task::unconstrained(changes.next()) => match change {
                Some(change) => {
                    resyncs += usize::from(matches!(change, ClusterChange::Resync(_)));
                    change.apply(view);
                }
                None => return resyncs,
            },
            () = std::future::ready(()) => return resyncs,
        }
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_whole() {
    let (publisher, _sender) = Publisher::new();
    publisher.publish(vec![ClusterChange::Added(member(1, 5))]);
    let mut changes = publisher.subscribe();
    publisher.publish(vec![ClusterChange::Added(member(2, 6))]);
    let mut view = BTreeMap::new();
    let Some(ClusterChange::Resync(whole)) = changes.next().await else {
        panic!("no whole");
    };
    assert_eq!(
        whole.members.len(),
        1,
        "as it was at the moment of subscribing"
    );
    view.clone_from(&whole.members);
    assert_eq!(read_all(&mut changes, &mut view).await, 0);
    assert_eq!(view, publisher.snapshot().members);
    publisher.publish(vec![ClusterChange::Removed(member(1, 5))]);
    assert_eq!(read_all(&mut changes, &mut view).await, 0);
    assert_eq!(view, publisher.snapshot().members);
    assert_eq!(view.len(), 1);
}

#[tokio::test]
async fn a_slow_reader_gets_the_whole_again() {
    let (publisher, _sender) = Publisher::new();
    let mut changes = publisher.subscribe();
    let mut view = BTreeMap::new();
    assert_eq!(read_all(&mut changes, &mut view).await, 1);
    for generation in 0..2 * CHANGES_KEPT as u64 {
        publisher.publish(vec![ClusterChange::Updated(member(
            generation % 7,
            generation,
        ))]);
    }
    assert_eq!(read_all(&mut changes, &mut view).await, 1, "one resync");
    assert_eq!(view, publisher.snapshot().members);
    publisher.publish(vec![ClusterChange::Updated(member(3, 9_999))]);
    assert_eq!(read_all(&mut changes, &mut view).await, 0);
    assert_eq!(view[&NodeId(3)].generation, 9_999);
}

#[tokio::test]
async fn streams_end_with_the_writer() {
    let (publisher, sender) = Publisher::new();
    let mut changes = publisher.subscribe();
    assert!(matches!(
        changes.next().await,
        Some(ClusterChange::Resync(_))
    ));
    drop(sender);
    assert_eq!(changes.next().await, None);
    let mut late = publisher.subscribe();
    assert!(matches!(late.next().await, Some(ClusterChange::Resync(_))));
    assert_eq!(late.next().await, None);
}
