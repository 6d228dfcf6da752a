//! Joining, speaking, dying, restarting, draining, leaving.

use super::village::*;
use crate::{Error, MemberState, Readiness, Timing};
use aiex_placement::NodeId;
use std::{net::Ipv4Addr, time::Duration};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn three_join_and_know_what_each_says() {
    let village = Village::new();
    let services = village.settle(3).await;
    for service in &services {
        for node in 1..=3 {
            let member = service.handle().member(NodeId(node)).unwrap();
            assert_eq!(member.gossip_address, address(node));
            assert_eq!(member.client_address, format!("node-{node}:7400"));
            assert_eq!(member.peer_address, format!("node-{node}:7401"));
            assert_eq!(member.zone, format!("zone-{}", node % 3));
            assert_eq!(member.version, "0.1.0");
            assert_eq!(member.storage_epoch, node);
            assert_eq!(member.generation, 1_000_000);
            assert!(!member.takes_work(), "it did not say that it is ready");
        }
    }
    services[2]
        .handle()
        .set_readiness(Readiness::Ready)
        .await
        .unwrap();
    for service in &services {
        until(&service.handle(), |seen| {
            seen.members[&NodeId(3)].takes_work()
        })
        .await;
    }
    services[2]
        .handle()
        .set_readiness(Readiness::NotReady)
        .await
        .unwrap();
    for service in &services {
        until(&service.handle(), |seen| {
            !seen.members[&NodeId(3)].takes_work()
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_without_seeds_is_alone_and_well() {
    let village = Village::new();
    let mut config = village.config(1);
    config.seeds.clear();
    let service = village.start_as(config).await;
    let handle = service.handle();
    assert_eq!(state(&handle.members(), 1), Some(MemberState::Up));
    pass(Duration::from_secs(60)).await;
    assert_eq!(handle.members().members.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn seeds_that_come_late_are_found_by_address_and_by_name() {
    let village = Village::new();
    let mut config = village.config(2);
    config.seeds = vec![
        "10.0.0.9:7402".to_owned(),
        "aiex-gossip".to_owned(),
        address(1).to_string(),
    ];
    let second = village.start_as(config.clone()).await;
    config.seeds.truncate(2);
    let third = village
        .start_as(crate::Config {
            seeds: config.seeds,
            ..village.config(3)
        })
        .await;
    pass(Duration::from_secs(20)).await;
    assert_eq!(second.handle().members().members.len(), 1);
    let first = village.start(1).await;
    until_state(&second.handle(), 1, MemberState::Up).await;
    pass(Duration::from_secs(20)).await;
    assert_eq!(
        third.handle().members().members.len(),
        1,
        "it knows the name only"
    );
    let names = [("aiex-gossip".to_owned(), vec![address(3), address(2)])];
    village.names.0.lock().unwrap().extend(names);
    for service in [&first, &second, &third] {
        until(&service.handle(), |seen| seen.members.len() == 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_is_seen_in_time_fresh_and_steady() {
    // The goals are 4 s fresh and 2 s steady; the peers chosen are random, so the bounds leave room.
    let cases = [
        (2, 0, 5),
        (3, 0, 5),
        (5, 0, 5),
        (2, 60, 3),
        (3, 60, 3),
        (5, 60, 3),
        (9, 60, 3),
    ];
    for (count, settled, bound) in cases {
        let village = Village::new();
        let mut services = village.settle(count).await;
        pass(Duration::from_secs(settled)).await;
        let killed = services.pop().unwrap();
        let mut changes = services[0].handle().subscribe();
        killed.stop().await;
        let at = Instant::now();
        let mut slowest = Duration::ZERO;
        for service in &services {
            until_state(&service.handle(), count, MemberState::Suspect).await;
            slowest = slowest.max(at.elapsed());
        }
        println!("{count} nodes, {settled} s settled: suspect everywhere after {slowest:?}");
        // Virtual time: a slow machine does not change it.
        assert!(
            slowest <= Duration::from_secs(bound),
            "{count} nodes: {slowest:?}"
        );
        until_state(&services[0].handle(), count, MemberState::Dead).await;
        assert_eq!(told(&mut changes, count).await, ["up", "suspect", "dead"]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_dead_for_long_is_forgotten() {
    let village = Village::new();
    let short = Timing {
        dead_grace: Duration::from_secs(30),
        ..Timing::default()
    };
    let mut services = Vec::new();
    for node in 1..=3 {
        let config = crate::Config {
            timing: short,
            ..village.config(node)
        };
        services.push(village.start_as(config).await);
    }
    let watching = services[0].handle();
    until(&watching, |seen| seen.members.len() == 3).await;
    let mut changes = watching.subscribe();
    services.remove(2).stop().await;
    until(&watching, |seen| seen.members.len() == 2).await;
    assert_eq!(
        told(&mut changes, 3).await,
        ["up", "suspect", "dead", "removed"]
    );
    // It is taken in again when it comes back.
    let _third = village
        .start_as(crate::Config {
            timing: short,
            ..village.config(3)
        })
        .await;
    until_state(&watching, 3, MemberState::Up).await;
}

#[tokio::test(start_paused = true)]
async fn a_quick_restart_is_no_death() {
    let village = Village::new();
    let mut services = village.settle(3).await;
    pass(Duration::from_secs(30)).await;
    let watching = [services[0].handle(), services[1].handle()];
    let mut streams: Vec<_> = watching.iter().map(|handle| handle.subscribe()).collect();
    for round in 1..=5 {
        services.pop().unwrap().stop().await;
        services.push(village.start(3).await);
        for handle in &watching {
            until(handle, |seen| {
                seen.members[&NodeId(3)].generation == 1_000_000 + round
            })
            .await;
        }
        pass(Duration::from_secs(10)).await;
    }
    for changes in &mut streams {
        assert_eq!(told(changes, 3).await, ["up"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_restart_is_suspect_and_up_again() {
    let village = Village::new();
    let mut services = village.settle(3).await;
    let watching = services[0].handle();
    let mut changes = watching.subscribe();
    services.pop().unwrap().stop().await;
    until_state(&watching, 3, MemberState::Suspect).await;
    let _third = village.start(3).await;
    until_state(&watching, 3, MemberState::Up).await;
    assert_eq!(watching.member(NodeId(3)).unwrap().generation, 1_000_001);
    pass(Duration::from_secs(30)).await;
    assert_eq!(told(&mut changes, 3).await, ["up", "suspect", "up"]);
}

#[tokio::test(start_paused = true)]
async fn draining_and_leaving_are_seen_and_a_new_start_is_welcome() {
    let village = Village::new();
    let mut services = village.settle(3).await;
    let (watching, third) = (services[0].handle(), services[2].handle());
    let mut changes = watching.subscribe();
    third.set_draining(true).await.unwrap();
    assert_eq!(
        state(&third.members(), 3),
        Some(MemberState::Draining),
        "at once in its own eyes"
    );
    until_state(&watching, 3, MemberState::Draining).await;
    third.leave().await.unwrap();
    assert_eq!(
        state(&watching.members(), 3),
        Some(MemberState::Left),
        "before leave returns"
    );
    assert_eq!(
        state(&services[1].handle().members(), 3),
        Some(MemberState::Left)
    );
    assert!(matches!(
        third.set_draining(false).await,
        Err(Error::Stopped)
    ));
    services.pop().unwrap().stop().await;
    pass(Duration::from_secs(60)).await;
    let _third = village.start(3).await;
    until_state(&watching, 3, MemberState::Up).await;
    assert_eq!(
        told(&mut changes, 3).await,
        ["up", "draining", "left", "up"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_leaves_at_once() {
    let village = Village::new();
    let service = village.start(1).await;
    let handle = service.handle();
    let (one, other) = tokio::join!(handle.leave(), handle.leave());
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(state(&handle.members(), 1), Some(MemberState::Left));
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_service_says_so() {
    let village = Village::new();
    for dropped in [true, false] {
        let service = village.start(1).await;
        let handle = service.handle();
        let (mut changes, mut warnings) = (handle.subscribe(), handle.warnings());
        if dropped {
            drop(service);
        } else {
            service.stop().await;
        }
        while changes.next().await.is_some() {}
        assert_eq!(warnings.next().await, None);
        assert!(matches!(handle.leave().await, Err(Error::Stopped)));
        assert_eq!(handle.members().members.len(), 1, "the last view stays");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_is_refused_with_its_key() {
    let village = Village::new();
    type Spoil = fn(&mut crate::Config);
    let cases: [(&str, Spoil); 9] = [
        ("advertise", |c| {
            c.listen = (Ipv4Addr::UNSPECIFIED, 0).into();
        }),
        ("seeds", |c| {
            c.seeds = vec!["no port:x".to_owned()];
        }),
        ("client_address", |c| {
            c.client_address = "nowhere".to_owned();
        }),
        ("peer_address", |c| {
            c.peer_address = String::new();
        }),
        ("generation_file", |c| {
            c.generation_file = "/".into();
        }),
        ("timing.phi", |c| {
            c.timing.phi = f64::NAN;
        }),
        ("timing.gossip_interval", |c| {
            c.timing.gossip_interval = Duration::ZERO;
        }),
        ("timing.max_interval", |c| {
            c.timing.max_interval = c.timing.gossip_interval;
        }),
        ("timing.dead_grace", |c| {
            c.timing.dead_grace = c.timing.dead_after;
        }),
    ];
    for (want, spoil) in cases {
        let mut config = village.config(1);
        spoil(&mut config);
        match config.check() {
            Err(Error::Config { key, .. }) => assert_eq!(key, want),
            other => panic!("{want}: {other:?}"),
        }
    }
    let mut config = village.config(1);
    config.zone = "z".repeat(2_000);
    assert!(matches!(config.check(), Err(Error::StateTooLarge { .. })));
}
