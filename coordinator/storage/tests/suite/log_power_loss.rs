//! The simulated disk loses power, fills up and lies; the log must lose nothing it acknowledged, or say so.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
    mpsc::{Receiver, Sender, channel},
};

use aiex_storage::{
    Error, LogStore,
    log::{Change, Fault, LogConfig, LogMedium, OrderedLog, SimDisk, Space, Visit},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::log_contract::{G, OTHER, durably, entries, id};

fn open(disk: &SimDisk) -> Result<aiex_storage::log::SimLog, Error> {
    disk.open_log(LogConfig::default())
}

fn quarantine(result: Result<aiex_storage::log::SimLog, Error>) -> String {
    match result.err() {
        Some(Error::Quarantined { reason }) => reason,
        other => panic!("expected a quarantine, got {other:?}"),
    }
}

#[test]
fn power_loss_at_any_moment_keeps_what_was_acknowledged() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    for round in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed + round);
        let disk = SimDisk::default();
        let log = open(&disk).unwrap();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (sent, acks) = channel();
        let count = rng.random_range(1..60);
        for index in 0..count {
            let (acknowledged, sent) = (Arc::clone(&acknowledged), sent.clone());
            let done = move |r: Result<(), Error>| {
                if r.is_ok() {
                    acknowledged.store(index + 1, Ordering::SeqCst);
                    let _ = sent.send(());
                }
            };
            log.append(G, entries(1, index..index + 1), Box::new(done));
        }
        // The power fails while the writer is at work; later writes of the dying process reach nothing.
        for _ in 0..rng.random_range(0..=count) {
            acks.recv().unwrap();
        }
        let before = acknowledged.load(Ordering::SeqCst);
        disk.set_fault(Some(Fault::SyncFails));
        disk.crash(rng.random_range(0..4));
        drop(log);
        disk.crash(0);
        disk.set_fault(None);
        let log = open(&disk).unwrap_or_else(|e| panic!("round {round}: {e}"));
        let kept = log.bounds(G).last.map_or(0, |id| id.index + 1);
        assert!(
            kept >= before,
            "round {round}: kept {kept} of {before} acknowledged"
        );
        assert_eq!(
            log.entries(G, 0..kept, usize::MAX).unwrap(),
            entries(1, 0..kept)
        );
    }
}

#[test]
fn a_failed_write_or_sync_closes_the_log_and_a_restart_heals() {
    for fault in [Fault::DiskFull, Fault::SyncFails] {
        let disk = SimDisk::default();
        let log = open(&disk).unwrap();
        durably(|done| log.append(G, entries(1, 0..3), done)).unwrap();
        disk.set_fault(Some(fault));
        assert!(durably(|done| log.append(G, entries(1, 3..4), done)).is_err());
        disk.set_fault(None);
        // Space is back, but what the failed round left on the disk is unknown.
        let later = durably(|done| log.append(OTHER, entries(1, 0..1), done));
        assert!(
            matches!(later, Err(Error::LogClosed { .. })),
            "{fault:?}: {later:?}"
        );
        drop(log);
        disk.crash(0);
        let log = open(&disk).unwrap();
        assert_eq!(log.entries(G, 0..9, usize::MAX).unwrap(), entries(1, 0..3));
    }
}

#[test]
fn a_drive_that_lies_about_syncing_is_found_out() {
    let disk = SimDisk::default();
    let log = open(&disk).unwrap();
    durably(|done| log.append(G, entries(1, 0..3), done)).unwrap();
    disk.set_fault(Some(Fault::SyncLies));
    durably(|done| log.append(G, entries(1, 3..6), done)).unwrap();
    drop(log);
    disk.crash(0);
    let reason = quarantine(open(&disk));
    assert!(
        reason.contains("round 1") && reason.contains("round 2"),
        "{reason}"
    );
    quarantine(open(&disk));
}

#[test]
fn lost_votes_are_found_out_too() {
    let disk = SimDisk::default();
    let log = open(&disk).unwrap();
    disk.set_fault(Some(Fault::SyncLies));
    let vote = aiex_storage::Vote {
        term: 7,
        node: 2,
        committed: false,
    };
    durably(|done| log.save_vote(G, vote, done)).unwrap();
    drop(log);
    disk.crash(0);
    quarantine(open(&disk));
}

#[test]
fn holes_flipped_bits_and_short_tails_are_quarantined() {
    let entry_key = |index: u64| [&3u16.to_be_bytes()[..], &index.to_be_bytes()].concat();
    let filled = || {
        let disk = SimDisk::default();
        let log = open(&disk).unwrap();
        durably(|done| log.append(G, entries(1, 0..6), done)).unwrap();
        log.save_committed(G, id(1, 5));
        log.close().unwrap();
        disk
    };
    let disk = filled();
    assert!(disk.flip_bit(Space::Entries, &entry_key(2)));
    assert!(quarantine(open(&disk)).contains("entry 2"));

    let disk = filled();
    assert!(disk.lose(Space::Entries, &entry_key(2)));
    assert!(quarantine(open(&disk)).contains("entry 2 of group g3 is missing"));

    let disk = filled();
    assert!(disk.lose(Space::Entries, &entry_key(5)));
    let reason = quarantine(open(&disk));
    assert!(
        reason.contains("ends at entry 4") && reason.contains("entry 5 was committed"),
        "{reason}"
    );
}

#[test]
fn a_round_takes_what_waited_for_the_last_one() {
    let disk = SimDisk::default();
    let log = open(&disk).unwrap();
    // The callback runs on the writer's thread: while it blocks, requests pile up and must share the next round.
    let (release, wait) = channel::<()>();
    log.append(G, entries(1, 0..1), Box::new(move |_| wait.recv().unwrap()));
    let (sent, done) = channel();
    for index in 1..100 {
        let sent = sent.clone();
        log.append(
            G,
            entries(1, index..index + 1),
            Box::new(move |r| sent.send(r).unwrap()),
        );
    }
    release.send(()).unwrap();
    for _ in 1..100 {
        done.recv().unwrap().unwrap();
    }
    drop(log);
    // Round 1 had the first append; all the others shared at most one more, plus one in the race before the block.
    let rounds = disk.rounds();
    assert!(rounds <= 3, "{rounds} rounds for 100 appends");
}

/// A disk on which each write says that it began and waits for a permit.
struct Gated {
    disk: SimDisk,
    began: Sender<()>,
    permits: Mutex<Receiver<()>>,
}

impl LogMedium for Gated {
    fn write(&self, batch: &[Change]) -> Result<(), Error> {
        let _ = self.began.send(());
        // Without the test there are no more permits, and nothing to wait for.
        let _ = self.permits.lock().unwrap().recv();
        self.disk.write(batch)
    }
    fn sync(&self) -> Result<(), Error> {
        self.disk.sync()
    }
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.disk.get(space, key)
    }
    fn scan(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        self.disk.scan(space, from, to, visit)
    }
}

#[test]
fn entries_that_wait_for_the_disk_are_readable_however_small_the_memory() {
    let (permit, permits) = channel();
    let (began, beginnings) = channel();
    let medium = Gated {
        disk: SimDisk::default(),
        began,
        permits: Mutex::new(permits),
    };
    let config = LogConfig {
        tail_bytes_per_group: 0,
    };
    let log = OrderedLog::open(medium, Box::new(AtomicU64::new(0)), config).unwrap();
    let (sent, first) = channel();
    log.append(
        G,
        entries(1, 0..3),
        Box::new(move |r| sent.send(r).unwrap()),
    );
    // The first round is closed: what comes now waits for the second.
    beginnings.recv().unwrap();
    log.append(G, entries(1, 3..9), Box::new(|_| {}));
    permit.send(()).unwrap();
    // The first round is on the disk and out of memory; the second waits for its permit.
    first.recv().unwrap().unwrap();
    log.append(G, entries(1, 9..12), Box::new(|_| {}));
    let waiting = log.entries(G, 0..20, usize::MAX);
    // Before any assertion: a failing test must not leave the writer waiting.
    drop(permit);
    assert_eq!(waiting.unwrap(), entries(1, 0..12));
    log.close().unwrap();
    assert_eq!(
        log.entries(G, 0..20, usize::MAX).unwrap(),
        entries(1, 0..12)
    );
}
