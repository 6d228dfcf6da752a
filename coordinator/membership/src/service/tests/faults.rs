//! Partitions, strangers, doubles, lost generations, broken sockets, stalls.

use super::village::*;
use crate::{MemberState, Warning};
use aiex_placement::NodeId;
use async_trait::async_trait;
use chitchat::{
    ChitchatConfig, ChitchatEnvelope, ChitchatHandle, ChitchatId, FailureDetectorConfig,
    ProtocolVersion, spawn_chitchat,
    transport::{ChannelTransport, RecvOutcome, SendOutcome, Socket, Transport},
};
use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::Notify;
use uuid::Uuid;

#[tokio::test(start_paused = true)]
async fn a_partition_is_seen_by_both_sides_and_heals() {
    let village = Village::new();
    let services = village.settle(3).await;
    let (one, three) = (services[0].handle(), services[2].handle());
    let mut changes = one.subscribe();
    for node in [1, 2] {
        village.network.remove_link(address(3), address(node)).await;
    }
    until_state(&one, 3, MemberState::Dead).await;
    until_state(&three, 1, MemberState::Dead).await;
    until_state(&three, 2, MemberState::Dead).await;
    assert_eq!(state(&one.members(), 2), Some(MemberState::Up));
    pass(Duration::from_secs(60)).await;
    for node in [1, 2] {
        village.network.add_link(address(3), address(node)).await;
    }
    for service in &services {
        until(&service.handle(), |seen| {
            seen.members
                .values()
                .all(|member| member.state == MemberState::Up)
        })
        .await;
    }
    assert_eq!(told(&mut changes, 3).await, ["up", "suspect", "dead", "up"]);
    assert_eq!(
        one.member(NodeId(3)).unwrap().generation,
        1_000_000,
        "nobody restarted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_link_between_two_is_bridged_by_the_third() {
    let village = Village::new();
    let services = village.settle(3).await;
    pass(Duration::from_secs(30)).await;
    let mut changes = services[0].handle().subscribe();
    village.network.remove_link(address(1), address(2)).await;
    pass(Duration::from_secs(120)).await;
    assert_eq!(told(&mut changes, 2).await, ["up"]);
}

#[tokio::test(start_paused = true)]
async fn two_clusters_on_one_network_stay_apart_and_say_so() {
    let village = Village::new();
    let ours = village.settle(2).await;
    let mut theirs = Vec::new();
    for node in [3, 4] {
        let mut config = village.config(node);
        config.cluster_id = Uuid::from_u128(0xbad);
        config.seeds = vec![address(1).to_string(), address(3).to_string()];
        theirs.push(village.start_as(config).await);
    }
    until(&theirs[0].handle(), |seen| {
        seen.members.contains_key(&NodeId(4))
    })
    .await;
    pass(Duration::from_secs(60)).await;
    for (services, members) in [(&ours, [1, 2]), (&theirs, [3, 4])] {
        for service in services {
            let seen: Vec<u64> = service
                .handle()
                .members()
                .members
                .keys()
                .map(|id| id.0)
                .collect();
            assert_eq!(seen, members);
        }
    }
    let (from, by) = (address(3), address(1));
    until_warned(&ours[0].handle(), |w| {
        *w == Warning::ForeignCluster { from }
    })
    .await;
    until_warned(&theirs[0].handle(), |w| {
        *w == Warning::RejectedByPeer { by }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn two_processes_with_one_id_are_told_to_all_and_to_themselves() {
    let village = Village::new();
    let services = village.settle(2).await;
    village.clock.0.store(2_000_000, Ordering::Relaxed);
    let mut double = village.config(2);
    double.listen = address(20);
    double.generation_file = village.generation_file(20);
    let second = village.start_as(double).await;
    for (handle, local) in [
        (services[0].handle(), false),
        (services[1].handle(), true),
        (second.handle(), true),
    ] {
        let addresses = vec![address(2), address(20)];
        let want = Warning::DuplicateNode {
            node: NodeId(2),
            local,
            addresses,
        };
        until_warned(&handle, |warning| *warning == want).await;
        let shown = handle.member(NodeId(2)).unwrap();
        assert_eq!(
            shown.gossip_address,
            address(20),
            "the higher generation wins everywhere"
        );
    }
    // Outbidding each other would never end.
    pass(Duration::from_secs(60)).await;
    assert_eq!(
        services[0].handle().member(NodeId(2)).unwrap().generation,
        2_000_000
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_generation_under_a_clock_set_back_is_found_again_from_the_peers() {
    let village = Village::new();
    let mut services = village.settle(2).await;
    services.pop().unwrap().stop().await;
    fs::write(village.generation_file(2), "generation = 10000").unwrap();
    village.clock.0.store(500, Ordering::Relaxed);
    let second = village.start(2).await;
    let (one, two) = (services[0].handle(), second.handle());
    assert_eq!(two.member(NodeId(2)).unwrap().generation, 500);
    until_warned(&two, |warning| *warning == Warning::GenerationDamaged).await;
    until_warned(&two, |warning| {
        *warning
            == Warning::Outranked {
                generation: 1_000_000,
            }
    })
    .await;
    until(&one, |seen| {
        let member = &seen.members[&NodeId(2)];
        member.state == MemberState::Up && member.generation == 1_000_001
    })
    .await;
    assert_eq!(two.member(NodeId(2)).unwrap().generation, 1_000_001);
    let kept = fs::read_to_string(village.generation_file(2)).unwrap();
    assert!(kept.starts_with("generation = 1000001\n"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_alone_is_no_trouble() {
    let village = Village::new();
    let mut services = village.settle(2).await;
    services.pop().unwrap().stop().await;
    village.clock.0.store(500, Ordering::Relaxed);
    let _second = village.start(2).await;
    let one = services[0].handle();
    until(&one, |seen| {
        seen.members[&NodeId(2)].generation == 1_000_001
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn everybody_standing_still_is_nobody_dead() {
    let village = Village::new();
    let services = village.settle(3).await;
    pass(Duration::from_secs(30)).await;
    let mut changes = services[0].handle().subscribe();
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(60)).await;
        pass(Duration::from_secs(20)).await;
    }
    assert_eq!(told(&mut changes, 2).await, ["up"]);
    assert_eq!(told(&mut changes, 3).await, [""; 0]);
}

/// A transport whose sockets break when told.
struct Brittle(ChannelTransport, Arc<Notify>);

struct BrittleSocket(Box<dyn Socket>, Arc<Notify>);

#[async_trait]
impl Transport for Brittle {
    async fn open(&self, address: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let inner = self.0.open(address).await?;
        Ok(Box::new(BrittleSocket(inner, Arc::clone(&self.1))))
    }
}

#[async_trait]
impl Socket for BrittleSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn send(
        &mut self,
        to: SocketAddr,
        envelope: ChitchatEnvelope,
    ) -> anyhow::Result<SendOutcome> {
        self.0.send(to, envelope).await
    }

    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        tokio::select! {
            () = self.1.notified() => anyhow::bail!("the socket broke"),
            received = self.0.recv() => received,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_socket_is_opened_again_under_a_higher_generation() {
    let village = Village::new();
    let first = village.start(1).await;
    let breaking = Arc::new(Notify::new());
    let transport = Arc::new(Brittle(village.network.clone(), Arc::clone(&breaking)));
    let second = village.start_over(village.config(2), transport).await;
    let one = first.handle();
    until_state(&one, 2, MemberState::Up).await;
    pass(Duration::from_secs(30)).await;
    let mut changes = one.subscribe();
    for round in 1..=3 {
        breaking.notify_one();
        until(&one, |seen| {
            seen.members[&NodeId(2)].generation == 1_000_000 + round
        })
        .await;
        pass(Duration::from_secs(20)).await;
    }
    until_warned(&second.handle(), |warning| {
        *warning == Warning::GossipRestarted
    })
    .await;
    until_state(&second.handle(), 1, MemberState::Up).await;
    let states = told(&mut changes, 2).await;
    assert!(!states.contains(&"dead".to_owned()), "{states:?}");
    second.stop().await;
}

/// A node that speaks the gossip and says what it likes.
async fn odd_node(
    village: &Village,
    name: &str,
    node: u64,
    keys: &[(&str, &str)],
) -> ChitchatHandle {
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new(name, 1, address(node)),
        cluster_id: CLUSTER.to_string(),
        gossip_interval: Duration::from_millis(250),
        listen_addr: address(node),
        seed_nodes: vec![address(1).to_string()],
        failure_detector_config: FailureDetectorConfig::default(),
        marked_for_deletion_grace_period: Duration::from_secs(60),
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    };
    let keys = keys
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    spawn_chitchat(config, keys, &village.network)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_node_counts_only_with_its_required_keys_and_within_its_size() {
    let village = Village::new();
    let services = village.settle(2).await;
    let one = services[0].handle();
    let whole = [
        ("node", "9"),
        ("client", "node-9:7400"),
        ("peer", "node-9:7401"),
        ("zone", ""),
        ("version", "1"),
        ("readiness", "ready"),
        ("storage_epoch", "0"),
    ];
    let lacking = odd_node(&village, "9", 9, &whole[..6]).await;
    let nameless = odd_node(&village, "mallory", 10, &whole).await;
    for node in [9, 10] {
        let address = address(node);
        until_warned(&one, |warning| *warning == Warning::Malformed { address }).await;
    }
    pass(Duration::from_secs(10)).await;
    assert_eq!(one.members().members.len(), 2);
    // It says the rest, then too much.
    let say = async |key: &str, value: &str| {
        let chitchat = lacking.chitchat();
        chitchat.lock().await.self_node_state().set(key, value);
    };
    say("storage_epoch", "4").await;
    until(&one, |seen| state(seen, 9) == Some(MemberState::Up)).await;
    assert!(one.member(NodeId(9)).unwrap().takes_work());
    say("novel", &"x".repeat(1_200)).await;
    until_state(&one, 9, MemberState::Suspect).await;
    say("novel", "").await;
    until_state(&one, 9, MemberState::Up).await;
    drop(nameless);
}
