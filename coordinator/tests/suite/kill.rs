//! `kill -9` at random points: nothing acknowledged is lost, nothing is applied twice.

use std::{sync::Arc, time::Duration};

use aiex_coordinator::{Config, Coordinator};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    child::{Node, WRITERS, key},
    counter::{Counter, count_of},
};

/// Kills on one and the same directory, one after another.
const KILLS: usize = 12;

fn note(line: &str, acknowledged: &mut [u64; WRITERS]) {
    let mut words = line.split(' ');
    if words.next() == Some("ack") {
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let (writer, total) = (number() as usize, number());
        acknowledged[writer] = acknowledged[writer].max(total);
    }
}

#[test]
fn a_killed_node_comes_back_with_all_it_acknowledged() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = [0; WRITERS];
    let mut killed_at_work = 0;
    let mut silent_lives = 0;
    for _ in 0..KILLS {
        let mut node = Node::start(dir.path());
        if rng.random_ratio(1, 5) {
            // In the middle of a start.
            let until = Duration::from_millis(rng.random_range(0..200));
            let (send, wait) = std::sync::mpsc::channel::<()>();
            let _ = wait.recv_timeout(until);
            drop(send);
        } else {
            assert_eq!(node.hear().as_deref(), Some("ready"));
            for _ in 0..rng.random_range(0..150) {
                note(&node.hear().unwrap(), &mut acknowledged);
            }
            killed_at_work += 1;
        }
        let before = acknowledged;
        node.kill()
            .iter()
            .for_each(|line| note(line, &mut acknowledged));
        silent_lives = if acknowledged == before {
            silent_lives + 1
        } else {
            0
        };
    }
    assert!(
        killed_at_work > 0 && acknowledged.iter().sum::<u64>() > 0,
        "nothing was tested"
    );

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (handle, coordinator) = Coordinator::start(Config::new(dir.path()), Arc::new(Counter))
            .await
            .unwrap();
        for (writer, total) in acknowledged.iter().enumerate() {
            let kept = count_of(&handle, &key(writer)).await.unwrap();
            // One entry of each writer may have been written and not answered. After a life that acknowledged
            // nothing there may be one more for each such life.
            let unanswered = 1 + silent_lives;
            assert!(
                (*total..=total + unanswered).contains(&kept),
                "writer {writer}: {kept} of {total}"
            );
        }
        coordinator.shutdown().await.unwrap();
    });
}
