//! Real sockets on loopback: what only they can show. States are asserted, times are printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
    time::Duration,
};

use aiex_membership::{
    Config, Error, Handle, MemberState, Readiness, Service, Snapshot, SystemClock, SystemResolver,
    Timing, Warning,
};
use aiex_placement::NodeId;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

/// Far above what anything here takes, so that a busy machine does not fail a test.
const DEADLINE: Duration = Duration::from_secs(60);

fn config(directory: &Path, node: u64, seeds: Vec<String>) -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        cluster_id: Uuid::from_u128(7),
        node_id: NodeId(node),
        seeds,
        generation_file: directory.join(format!("GENERATION-{node}")),
        client_address: format!("localhost:{}", 7400 + node),
        peer_address: format!("localhost:{}", 8400 + node),
        zone: "here".to_owned(),
        version: "0.1.0".to_owned(),
        storage_epoch: 1,
        timing: Timing::default(),
    }
}

async fn start(config: Config) -> Result<Service, Error> {
    Service::start(config, Arc::new(SystemClock), Arc::new(SystemResolver)).await
}

async fn three(directory: &Path) -> [Service; 3] {
    let first = start(config(directory, 1, vec![])).await.unwrap();
    let port = first.handle().gossip_address().port();
    // One by name, one by address, and each with a seed where nobody is.
    let by_name = vec![format!("localhost:{port}"), "127.0.0.1:9".to_owned()];
    let by_address = vec![
        format!("127.0.0.1:{port}"),
        "nobody.invalid:7402".to_owned(),
    ];
    let second = start(config(directory, 2, by_name)).await.unwrap();
    let third = start(config(directory, 3, by_address)).await.unwrap();
    let all = [first, second, third];
    for service in &all {
        until(&service.handle(), |seen| {
            seen.members.len() == 3
                && seen
                    .members
                    .values()
                    .all(|member| member.state == MemberState::Up)
        })
        .await;
    }
    all
}

async fn until(handle: &Handle, wanted: impl Fn(&Snapshot) -> bool) {
    let mut changes = handle.subscribe();
    let waited = timeout(DEADLINE, async {
        while !wanted(&handle.members()) {
            changes.next().await.expect("the stream ended");
        }
    });
    if waited.await.is_err() {
        panic!(
            "never came; {} sees {:#?}",
            handle.node_id(),
            handle.members()
        );
    }
}

fn is(seen: &Snapshot, node: u64, state: MemberState) -> bool {
    seen.members
        .get(&NodeId(node))
        .is_some_and(|member| member.state == state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_join_speak_drain_and_leave() {
    let directory = tempfile::tempdir().unwrap();
    let at = Instant::now();
    let [first, second, third] = three(directory.path()).await;
    println!("three joined after {:?}", at.elapsed());
    third
        .handle()
        .set_readiness(Readiness::Ready)
        .await
        .unwrap();
    until(&first.handle(), |seen| {
        seen.members[&NodeId(3)].takes_work()
    })
    .await;
    third.handle().set_draining(true).await.unwrap();
    until(&first.handle(), |seen| is(seen, 3, MemberState::Draining)).await;
    let address = third.handle().gossip_address();
    third.handle().leave().await.unwrap();
    // The socket is closed when leave returns.
    drop(UdpSocket::bind(address).unwrap());
    for service in [&first, &second] {
        until(&service.handle(), |seen| is(seen, 3, MemberState::Left)).await;
    }
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_one_is_suspect_and_a_restarted_one_is_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second, third] = three(directory.path()).await;
    let watching = first.handle();
    let before = watching.member(NodeId(3)).unwrap().generation;
    third.stop().await;
    let at = Instant::now();
    until(&watching, |seen| is(seen, 3, MemberState::Suspect)).await;
    println!("suspect {:?} after the kill of a fresh node", at.elapsed());
    // A new process elsewhere, as a pod that moved.
    let seeds = vec![second.handle().gossip_address().to_string()];
    let _third = start(config(directory.path(), 3, seeds)).await.unwrap();
    until(&watching, |seen| is(seen, 3, MemberState::Up)).await;
    assert!(watching.member(NodeId(3)).unwrap().generation > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_is_kept_out() {
    let directory = tempfile::tempdir().unwrap();
    let first = start(config(directory.path(), 1, vec![])).await.unwrap();
    let seeds = vec![first.handle().gossip_address().to_string()];
    let other = Config {
        cluster_id: Uuid::from_u128(8),
        ..config(directory.path(), 2, seeds)
    };
    let stranger = start(other).await.unwrap();
    let by = first.handle().gossip_address();
    let mut warnings = stranger.handle().warnings();
    let told = timeout(DEADLINE, warnings.next()).await.unwrap();
    assert_eq!(told, Some(Warning::RejectedByPeer { by }));
    let from = stranger.handle().gossip_address();
    let mut warnings = first.handle().warnings();
    let told = timeout(DEADLINE, warnings.next()).await.unwrap();
    assert_eq!(told, Some(Warning::ForeignCluster { from }));
    assert_eq!(first.handle().members().members.len(), 1);
    assert_eq!(stranger.handle().members().members.len(), 1);
}

#[tokio::test]
async fn noise_on_the_port_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let first = start(config(directory.path(), 1, vec![])).await.unwrap();
    let target = first.handle().gossip_address();
    let noise = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 2, 3, 16, 500, 9_000] {
        for filler in [0u8, 1, 255] {
            noise.send_to(&vec![filler; length], target).unwrap();
        }
    }
    let seeds = vec![target.to_string()];
    let second = start(config(directory.path(), 2, seeds)).await.unwrap();
    until(&second.handle(), |seen| seen.members.len() == 2).await;
}

#[tokio::test]
async fn a_taken_address_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken: SocketAddr = holder.local_addr().unwrap();
    let refused = start(Config {
        listen: taken,
        ..config(directory.path(), 1, vec![])
    })
    .await;
    match refused {
        Err(Error::Listen { address, reason }) => {
            assert_eq!(address, taken);
            assert!(reason.contains("in use"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert!(
        !directory.path().join("GENERATION-1").exists(),
        "no generation is spent on it"
    );
}
