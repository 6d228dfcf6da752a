//! Whole stores lost or cut: what can be replayed is, what cannot is refused.

use std::{fs, path::Path, sync::Arc};

use aiex_coordinator::{Config, Coordinator, Error};

use crate::{
    child::{Node, WRITERS, key},
    counter::{Counter, count_of},
};

/// Runs a node until each writer has some acknowledged totals, and kills it.
fn fill(directory: &Path) -> [u64; WRITERS] {
    let mut node = Node::start(directory);
    let mut totals = [0; WRITERS];
    while totals.iter().any(|total| *total < 5) {
        let line = node.hear().unwrap();
        if let Some((writer, total)) = line.strip_prefix("ack ").and_then(|l| l.split_once(' ')) {
            totals[writer.parse::<usize>().unwrap()] = total.parse().unwrap();
        }
    }
    node.kill();
    totals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_state_is_replayed_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let totals = fill(dir.path());
    fs::remove_dir_all(dir.path().join("state")).unwrap();
    let (handle, coordinator) = Coordinator::start(Config::new(dir.path()), Arc::new(Counter))
        .await
        .unwrap();
    for (writer, total) in totals.iter().enumerate() {
        assert!(
            count_of(&handle, &key(writer)).await.unwrap() >= *total,
            "writer {writer}"
        );
    }
    coordinator.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_log_is_quarantined_at_every_start() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let logs = fs::read_dir(dir.path().join("log"))
        .unwrap()
        .map(|f| f.unwrap().path());
    let mut logs: Vec<_> = logs
        .filter(|p| p.extension().is_some_and(|e| e == "log"))
        .collect();
    logs.sort();
    let last = logs.pop().unwrap();
    let size = fs::metadata(&last).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&last)
        .unwrap()
        .set_len(size - size / 4)
        .unwrap();
    for start in 1..=2 {
        match Coordinator::start(Config::new(dir.path()), Arc::new(Counter)).await {
            Err(error @ Error::Quarantined { .. }) => {
                let text = error.to_string();
                assert!(
                    text.contains("acknowledged") && text.contains("restore"),
                    "{text}"
                );
            }
            other => panic!(
                "start {start}: expected a quarantine, got {:?}",
                other.err()
            ),
        }
    }
}
