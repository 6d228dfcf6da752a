//! Groups over the simulated stores: limits, failures, power loss.

use std::sync::atomic::{AtomicU64, Ordering};

use aiex_storage::{
    log::{Fault, LogConfig, SimDisk, SimLog},
    state::SimState,
};
use futures_util::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::StateTx;

const G: GroupId = GroupId(7);

/// Adds: an entry is a key, its total grows by one. Nothing lost or applied twice can hide.
struct Counter;

impl ShardMachine for Counter {
    fn apply(&self, tx: &mut dyn StateTx, _: u64, entry: &[u8]) -> Vec<u8> {
        assert!(entry != b"poison", "told to");
        let total = tx
            .get(entry)
            .map_or(0, |v| u64::from_le_bytes(v.try_into().unwrap()))
            + 1;
        tx.put(entry, &total.to_le_bytes());
        total.to_le_bytes().to_vec()
    }
}

/// A machine room: what survives a crash, and what runs on it.
#[derive(Default)]
struct Room {
    disk: SimDisk,
    state: SimState,
}

impl Room {
    async fn start(&self) -> Result<(Group, Arc<SimLog>), Error> {
        let log = Arc::new(self.disk.open_log(LogConfig::default())?);
        let parts = GroupParts {
            group: G,
            node: NodeId(1),
            settings: Settings::SHARD,
            log: Arc::clone(&log) as _,
            state: Arc::new(self.state.clone()),
            machine: Arc::new(Counter),
        };
        Ok((Group::start(parts).await?, log))
    }
}

async fn add(group: &Group, key: &str) -> Result<u64, Error> {
    let total = group
        .propose(Bytes::copy_from_slice(key.as_bytes()))
        .await?;
    Ok(u64::from_le_bytes(total[..].try_into().unwrap()))
}

async fn total(group: &Group, key: &'static str) -> u64 {
    let found = group
        .read(move |state| state.get(key.as_bytes()))
        .await
        .unwrap();
    found.map_or(0, |v| u64::from_le_bytes(v.try_into().unwrap()))
}

#[tokio::test]
async fn proposals_that_wait_together_share_an_entry() {
    let room = Room::default();
    let (group, _log) = room.start().await.unwrap();
    let before = group.status().last_log_index;
    let totals = join_all((0..500).map(|_| add(&group, "k"))).await;
    let mut totals: Vec<_> = totals.into_iter().map(Result::unwrap).collect();
    totals.sort_unstable();
    assert_eq!(
        totals,
        (1..=500).collect::<Vec<_>>(),
        "each proposal has its own result"
    );
    let entries = group.status().last_log_index - before;
    assert!(entries <= 4, "{entries} entries for 500 proposals");
    assert_eq!(total(&group, "k").await, 500);
    assert_eq!(*group.applied().borrow(), group.status().last_log_index);
    group.shutdown().await.unwrap();
}

#[tokio::test]
async fn limits_refuse_by_name_and_give_way_again() {
    let room = Room::default();
    let (group, _log) = room.start().await.unwrap();
    let large = |size| group.propose(Bytes::from(vec![b'x'; size]));
    let refused = large(MAX_ENTRY_BYTES + 1).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { size, .. }) if size == MAX_ENTRY_BYTES + 1),
        "{refused:?}"
    );
    let results = join_all((0..9).map(|_| large(MAX_ENTRY_BYTES))).await;
    let overloaded = results
        .iter()
        .filter(|r| matches!(r, Err(Error::Overloaded { .. })))
        .count();
    assert_eq!(
        (overloaded, results.iter().filter(|r| r.is_ok()).count()),
        (2, 7)
    );
    large(MAX_ENTRY_BYTES).await.unwrap();
    group.shutdown().await.unwrap();
    assert!(matches!(
        add(&group, "k").await,
        Err(Error::Unavailable { .. })
    ));
}

#[tokio::test]
async fn a_failing_disk_stops_the_group_and_acknowledges_nothing() {
    for fault in [Fault::DiskFull, Fault::SyncFails] {
        let room = Room::default();
        let (group, log) = room.start().await.unwrap();
        add(&group, "k").await.unwrap();
        room.disk.set_fault(Some(fault));
        let failed = add(&group, "k").await;
        assert!(
            matches!(failed, Err(Error::Stopped(_))),
            "{fault:?}: {failed:?}"
        );
        assert!(matches!(add(&group, "k").await, Err(Error::Stopped(_))));
        let reason = group.status().failure.unwrap();
        assert!(reason.contains("storage failed"), "{reason}");
        room.disk.set_fault(None);
        let _ = group.shutdown().await;
        let _ = log.close();
        drop((group, log));
        room.disk.crash(0);
        room.state.crash();
        let (group, _log) = room.start().await.unwrap();
        assert_eq!(total(&group, "k").await, 1);
        assert_eq!(add(&group, "k").await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_panicking_machine_is_an_error_not_a_hang() {
    let room = Room::default();
    let (group, _log) = room.start().await.unwrap();
    let failed = add(&group, "poison").await;
    assert!(matches!(failed, Err(Error::Stopped(_))), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_loss_loses_nothing_acknowledged_and_applies_nothing_twice() {
    const KEYS: [&str; 4] = ["a", "b", "c", "d"];
    let seed: u64 = rand::random();
    println!("seed {seed}");
    for round in 0..6 {
        let mut rng = StdRng::seed_from_u64(seed + round);
        let room = Room::default();
        let acknowledged: [AtomicU64; 4] = Default::default();
        for _life in 0..3 {
            let (group, log) = room.start().await.unwrap();
            for (key, known) in KEYS.iter().zip(&acknowledged) {
                let kept = total(&group, key).await;
                let known = known.swap(kept, Ordering::SeqCst);
                // One per writer may have been written without being answered.
                assert!(
                    (known..=known + 1).contains(&kept),
                    "round {round}: {key} is {kept}, acknowledged {known}"
                );
            }
            let writers = KEYS.iter().zip(&acknowledged).map(|(key, known)| async {
                while let Ok(total) = add(&group, key).await {
                    known.store(total, Ordering::SeqCst);
                }
            });
            let kill_after = rng.random_range(1..80);
            let torn = rng.random_range(0..3);
            let flush = rng.random_bool(0.5);
            let power = async {
                let mut applied = group.applied();
                let start = *applied.borrow();
                applied
                    .wait_for(|index| *index >= start + kill_after)
                    .await
                    .unwrap();
                if flush {
                    group.snapshot().await.unwrap();
                }
                // From here on nothing reaches the disk, and what was not synced is gone.
                room.disk.set_fault(Some(Fault::SyncFails));
                room.disk.crash(torn);
            };
            futures_util::future::join(join_all(writers), power).await;
            let _ = group.shutdown().await;
            let _ = log.close();
            drop((group, log));
            room.disk.crash(0);
            room.disk.set_fault(None);
            room.state.crash();
        }
    }
}

#[tokio::test]
async fn a_restart_replays_from_the_last_flush() {
    let room = Room::default();
    let (group, log) = room.start().await.unwrap();
    for _ in 0..5 {
        add(&group, "k").await.unwrap();
    }
    group.shutdown().await.unwrap();
    log.close().unwrap();
    drop((group, log));
    // Without any state, all of it is replayed.
    let bare = Room {
        disk: room.disk.clone(),
        state: SimState::default(),
    };
    let (group, log) = bare.start().await.unwrap();
    assert_eq!(total(&group, "k").await, 5);
    log.close().unwrap();
}

async fn wait_until(group: &Group, reached: impl Fn(&openraft::RaftMetrics<Types>) -> bool + Send) {
    group
        .raft
        .wait(Some(Duration::from_secs(10)))
        .metrics(reached, "the test's state")
        .await
        .unwrap();
}

async fn quarantine(room: &Room) -> String {
    match room.start().await.map(|_| ()) {
        Err(Error::Storage(aiex_storage::Error::Quarantined { reason })) => reason,
        other => panic!("expected a quarantine, got {other:?}"),
    }
}

#[tokio::test]
async fn lost_state_behind_a_purged_log_is_quarantined() {
    let room = Room::default();
    let (group, log) = room.start().await.unwrap();
    for _ in 0..5 {
        add(&group, "k").await.unwrap();
    }
    let at = group.status().applied_index;
    group.snapshot().await.unwrap();
    wait_until(&group, move |m| m.snapshot.is_some_and(|id| id.index >= at)).await;
    group.raft.trigger().purge_log(at - 1).await.unwrap();
    wait_until(&group, move |m| {
        m.purged.is_some_and(|id| id.index == at - 1)
    })
    .await;
    group.shutdown().await.unwrap();
    log.close().unwrap();
    drop((group, log));

    let (group, log) = room.start().await.unwrap();
    assert_eq!(
        total(&group, "k").await,
        5,
        "the flushed state stands for the purged entries"
    );
    group.shutdown().await.unwrap();
    log.close().unwrap();
    drop((group, log));

    let bare = Room {
        disk: room.disk.clone(),
        state: SimState::default(),
    };
    let reason = quarantine(&bare).await;
    assert!(
        reason.contains("state of group g7 holds nothing"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_log_that_is_gone_while_the_state_is_not_is_quarantined() {
    let room = Room::default();
    let (group, log) = room.start().await.unwrap();
    add(&group, "k").await.unwrap();
    group.shutdown().await.unwrap();
    log.close().unwrap();
    drop((group, log));
    let bare = Room {
        disk: SimDisk::default(),
        state: room.state.clone(),
    };
    let reason = quarantine(&bare).await;
    assert!(
        reason.contains("the log of group g7 ends at nothing"),
        "{reason}"
    );
}

mod cluster;
mod replicated;
