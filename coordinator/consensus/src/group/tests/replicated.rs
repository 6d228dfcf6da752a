//! What a replicated group promises: agreement, no acknowledgement without a quorum, failover, quiet returns.

use std::collections::BTreeSet;

use super::{
    cluster::{Cluster, GROUPS, LIMIT},
    *,
};

const A: GroupId = GROUPS[0];

fn count(content: &[(Vec<u8>, Vec<u8>)], key: &str) -> u64 {
    let found = content.iter().find(|(k, _)| k == key.as_bytes());
    found.map_or(0, |(_, v)| u64::from_le_bytes(v[..].try_into().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_groups_on_three_nodes_replicate_and_share_messages() {
    let cluster = Cluster::start(3, 3).await;
    let writes = GROUPS.iter().flat_map(|id| {
        let cluster = &cluster;
        (0..8).map(move |writer| async move {
            for _ in 0..25 {
                cluster.add(*id, &format!("k{writer}")).await;
            }
        })
    });
    join_all(writes).await;
    for id in GROUPS {
        cluster.converge(id).await;
        let content = cluster.agree(id);
        for writer in 0..8 {
            // A refused proposal is not written, so nothing may be there twice.
            assert_eq!(count(&content, &format!("k{writer}")), 25, "group {id}");
        }
    }
    // With one node leading both groups their heartbeats and appends meet in the same turns.
    let one = NodeId(1);
    for id in GROUPS {
        let leader = cluster.leader(id, None).await;
        let group = cluster.nodes[&leader].group(id);
        group.transfer_leader(one, LIMIT).await.unwrap();
    }
    let link = &cluster.nodes[&one].link;
    let deadline = Instant::now() + LIMIT;
    while link.counts().shared == 0 {
        assert!(Instant::now() < deadline, "{:?}", link.counts());
        let both = GROUPS.map(|id| add(cluster.nodes[&one].group(id), "shared"));
        join_all(both).await;
    }
    let counts = link.counts();
    println!("{counts:?}");
    assert!(counts.frames > counts.messages);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minority_acknowledges_nothing_and_applies_nothing() {
    let mut cluster = Cluster::start(3, 3).await;
    cluster.add(A, "k").await;
    cluster.converge(A).await;
    let leader = cluster.leader(A, None).await;
    let others: Vec<_> = cluster
        .nodes
        .keys()
        .copied()
        .filter(|id| *id != leader)
        .collect();
    for id in others {
        cluster.nodes.remove(&id).unwrap().kill().await;
    }
    let group = cluster.nodes[&leader].group(A);
    let proposed = tokio::time::timeout(Duration::from_secs(2), add(group, "k")).await;
    assert!(!matches!(proposed, Ok(Ok(_))), "acknowledged: {proposed:?}");
    assert_eq!(count(&cluster.nodes[&leader].content(A), "k"), 1);
    let read = tokio::time::timeout(Duration::from_secs(2), group.read(|_| ())).await;
    assert!(
        !matches!(read, Ok(Ok(()))),
        "read without a quorum: {read:?}"
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_leader_dies_another_serves_all_that_was_acknowledged() {
    let mut cluster = Cluster::start(3, 3).await;
    for _ in 0..20 {
        cluster.add(A, "k").await;
    }
    let leader = cluster.leader(A, None).await;
    let killed = Instant::now();
    cluster.nodes.remove(&leader).unwrap().kill().await;
    let total = cluster.add(A, "k").await;
    println!(
        "failover: first write acknowledged {:?} after the kill",
        killed.elapsed()
    );
    assert_eq!(total, 21);
    cluster.converge(A).await;
    assert_eq!(count(&cluster.agree(A), "k"), 21);
    let next = cluster.leader(A, None).await;
    assert_eq!(super::total(cluster.nodes[&next].group(A), "k").await, 21);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolated_node_that_returns_does_not_depose_the_leader() {
    let cluster = Cluster::start(3, 3).await;
    cluster.add(A, "k").await;
    let leader = cluster.leader(A, None).await;
    let term = cluster.nodes[&leader].group(A).status().term;
    let lonely = cluster
        .nodes
        .keys()
        .copied()
        .find(|id| *id != leader)
        .unwrap();
    let group = cluster.nodes[&lonely].group(A);
    cluster.isolate(lonely, true);
    // Many election timeouts long it stands in vain: nobody answers its question, so its term must not grow.
    let grown = group.raft.wait(Some(Duration::from_secs(3)));
    let grown = grown.metrics(|m| m.current_term > term, "a higher term");
    assert!(grown.await.is_err(), "its term grew: {:?}", group.status());
    for _ in 0..5 {
        cluster.add(A, "k").await;
    }
    cluster.isolate(lonely, false);
    cluster.converge(A).await;
    assert_eq!(count(&cluster.agree(A), "k"), 6);
    let now = cluster.nodes[&leader].group(A).status();
    assert_eq!((now.leader, now.term), (Some(leader), term), "deposed");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_is_handed_to_who_is_named() {
    let cluster = Cluster::start(3, 3).await;
    cluster.add(A, "k").await;
    let leader = cluster.leader(A, None).await;
    let group = cluster.nodes[&leader].group(A);
    let next = cluster
        .nodes
        .keys()
        .copied()
        .find(|id| *id != leader)
        .unwrap();
    let asked = Instant::now();
    group.transfer_leader(next, LIMIT).await.unwrap();
    println!("transfer: {:?}", asked.elapsed());
    assert_eq!(cluster.leader(A, Some(leader)).await, next);
    assert_eq!(cluster.add(A, "k").await, 2);
    let refused = group.transfer_leader(leader, LIMIT).await;
    assert!(
        matches!(refused, Err(Error::NotLeader { hint: Some(n) }) if n == next),
        "{refused:?}"
    );
    let there = cluster.nodes[&next].group(A);
    let stranger = there.transfer_leader(NodeId(9), LIMIT).await;
    assert!(
        matches!(stranger, Err(Error::Unavailable { .. })),
        "{stranger:?}"
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_one_grows_to_three_and_the_first_may_leave() {
    let cluster = Cluster::start(3, 1).await;
    for _ in 0..5 {
        cluster.add(A, "k").await;
    }
    let first = cluster.nodes[&NodeId(1)].group(A);
    let before = first.membership();
    for id in [NodeId(2), NodeId(3)] {
        let seen = first.membership().version;
        let address = cluster.nodes[&id].link.address().to_string();
        first.add_learner(seen, id, address).await.unwrap();
    }
    cluster.converge(A).await;
    let voters = BTreeSet::from([1, 2, 3].map(NodeId));
    let late = first.change_voters(before.version, &voters).await;
    assert!(matches!(late, Err(Error::MembershipChanged)), "{late:?}");
    let seen = first.membership();
    assert_eq!(seen.learners, BTreeSet::from([2, 3].map(NodeId)));
    first.change_voters(seen.version, &voters).await.unwrap();
    let grown = cluster.membership(A).await;
    assert_eq!((&grown.voters, grown.joint), (&voters, false));

    first.transfer_leader(NodeId(2), LIMIT).await.unwrap();
    let second = cluster.nodes[&NodeId(2)].group(A);
    second.ready(LIMIT).await.unwrap();
    let fewer = BTreeSet::from([2, 3].map(NodeId));
    let seen = second.membership().version;
    second.change_voters(seen, &fewer).await.unwrap();
    let shrunk = second.membership();
    assert_eq!((shrunk.voters, shrunk.learners), (fewer, BTreeSet::new()));
    assert_eq!(add(second, "k").await.unwrap(), 6);
    cluster.stop().await;
}
