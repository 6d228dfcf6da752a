//! The contract of [`LogStore`], run against RocksDB and against the simulated disk.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc::channel},
};

use aiex_storage::{
    DataDir, Done, EngineLimits, EntryKind, Error, GroupId, LogBounds, LogEntry, LogId, LogStore,
    Marker, Vote,
    log::{LogConfig, SimDisk},
};
use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};

pub(crate) const G: GroupId = GroupId(3);
pub(crate) const OTHER: GroupId = GroupId(4);

/// A disk whose log can be closed and opened again.
trait Disk {
    fn open(&self) -> Arc<dyn LogStore>;
    /// Closes the log cleanly; `log` must be the only user.
    fn close(&self, log: Arc<dyn LogStore>) {
        log.close().unwrap();
    }
}

impl Disk for SimDisk {
    fn open(&self) -> Arc<dyn LogStore> {
        Arc::new(
            self.open_log(LogConfig {
                tail_bytes_per_group: 200,
            })
            .unwrap(),
        )
    }
}

struct RealDisk(tempfile::TempDir);

impl Disk for RealDisk {
    fn open(&self) -> Arc<dyn LogStore> {
        open_data(self.0.path()).unwrap().log
    }
}

pub(crate) fn open_data(path: &std::path::Path) -> Result<DataDir, Error> {
    let marker = || Marker {
        cluster_uuid: [1; 16],
        node_id: 1,
        storage_epoch: 1,
    };
    DataDir::open(path, marker, EngineLimits::default())
}

fn check(test: impl Fn(&dyn Disk)) {
    test(&SimDisk::default());
    test(&RealDisk(tempfile::tempdir().unwrap()));
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId {
        term,
        leader: 1,
        index,
    }
}

pub(crate) fn entry(term: u64, index: u64, payload: impl Into<Bytes>) -> LogEntry {
    LogEntry {
        id: id(term, index),
        kind: EntryKind::Normal,
        payload: payload.into(),
    }
}

pub(crate) fn entries(term: u64, range: std::ops::Range<u64>) -> Vec<LogEntry> {
    range
        .map(|index| entry(term, index, format!("{term}.{index}")))
        .collect()
}

/// Waits for one write to be durable.
pub(crate) fn durably(write: impl FnOnce(Done)) -> Result<(), Error> {
    let (sent, done) = channel();
    write(Box::new(move |result| sent.send(result).unwrap()));
    done.recv().unwrap()
}

fn all(log: &dyn LogStore, group: GroupId) -> Vec<LogEntry> {
    log.entries(group, 0..u64::MAX, usize::MAX).unwrap()
}

#[test]
fn an_unknown_group_is_empty() {
    check(|disk| {
        let log = disk.open();
        assert_eq!(log.bounds(G), LogBounds::default());
        assert_eq!((log.vote(G), log.committed(G)), (None, None));
        assert!(all(&*log, G).is_empty());
    });
}

#[test]
fn appended_entries_are_readable_at_once_and_kept() {
    check(|disk| {
        let log = disk.open();
        let (sent, done) = channel();
        log.append(
            G,
            entries(1, 0..5),
            Box::new(move |r| sent.send(r).unwrap()),
        );
        assert_eq!(all(&*log, G), entries(1, 0..5), "before it is durable");
        done.recv().unwrap().unwrap();
        log.append(OTHER, entries(2, 0..1), Box::new(|r| r.unwrap()));
        disk.close(log);
        let log = disk.open();
        assert_eq!(all(&*log, G), entries(1, 0..5));
        assert_eq!(all(&*log, OTHER), entries(2, 0..1), "groups do not mix");
        assert_eq!(
            log.bounds(G),
            LogBounds {
                purged: None,
                last: Some(id(1, 4))
            }
        );
    });
}

#[test]
fn a_gap_is_refused_and_changes_nothing() {
    check(|disk| {
        let log = disk.open();
        durably(|done| log.append(G, entries(1, 0..3), done)).unwrap();
        assert!(durably(|done| log.append(G, entries(1, 4..5), done)).is_err());
        assert!(
            durably(|done| log.append(G, entries(2, 2..3), done)).is_err(),
            "overwriting needs a truncation"
        );
        durably(|done| log.append(G, entries(1, 3..4), done)).unwrap();
        assert_eq!(all(&*log, G), entries(1, 0..4));
    });
}

#[test]
fn every_kind_keeps_its_content() {
    check(|disk| {
        let log = disk.open();
        let kinds = [EntryKind::Blank, EntryKind::Membership, EntryKind::Normal];
        let wrote: Vec<_> = (0..)
            .zip(kinds)
            .map(|(i, kind)| LogEntry {
                kind,
                ..entry(1, i, vec![0xff; i as usize * 1000])
            })
            .collect();
        durably(|done| log.append(G, wrote.clone(), done)).unwrap();
        disk.close(log);
        assert_eq!(all(&*disk.open(), G), wrote);
    });
}

#[test]
fn the_last_vote_and_commit_are_kept() {
    check(|disk| {
        let log = disk.open();
        let vote = |term| Vote {
            term,
            node: 2,
            committed: term == 3,
        };
        for term in 1..=3 {
            log.save_vote(G, vote(term), Box::new(|r| r.unwrap()));
            assert_eq!(log.vote(G), Some(vote(term)));
        }
        durably(|done| log.append(G, entries(3, 0..3), done)).unwrap();
        log.save_committed(G, id(3, 1));
        log.save_committed(G, id(3, 2));
        disk.close(log);
        let log = disk.open();
        assert_eq!(
            (log.vote(G), log.committed(G)),
            (Some(vote(3)), Some(id(3, 2)))
        );
    });
}

#[test]
fn a_commit_beyond_the_written_log_waits_for_it() {
    check(|disk| {
        let log = disk.open();
        durably(|done| log.append(G, entries(1, 0..1), done)).unwrap();
        // A follower may hear of a commit before it has the entries: on disk that would look like a lost tail.
        log.save_committed(G, id(1, 9));
        disk.close(log);
        let log = disk.open();
        assert_eq!(log.committed(G), None);
    });
}

#[test]
fn truncation_makes_room_for_another_leader() {
    check(|disk| {
        let log = disk.open();
        log.append(G, entries(1, 0..8), Box::new(|r| r.unwrap()));
        log.truncate_after(G, Some(id(1, 3)), Box::new(|r| r.unwrap()));
        assert_eq!(log.bounds(G).last, Some(id(1, 3)));
        log.truncate_after(G, Some(id(1, 5)), Box::new(|r| r.unwrap()));
        assert_eq!(
            log.bounds(G).last,
            Some(id(1, 3)),
            "a cut beyond the end lengthened the log"
        );
        log.append(G, entries(2, 4..6), Box::new(|r| r.unwrap()));
        let want = [entries(1, 0..4), entries(2, 4..6)].concat();
        assert_eq!(all(&*log, G), want);
        disk.close(log);
        let log = disk.open();
        assert_eq!(all(&*log, G), want);
        durably(|done| log.truncate_after(G, None, done)).unwrap();
        disk.close(log);
        assert_eq!(disk.open().bounds(G), LogBounds::default());
    });
}

#[test]
fn purging_moves_the_start_and_may_pass_the_end() {
    check(|disk| {
        let log = disk.open();
        log.append(G, entries(1, 0..8), Box::new(|r| r.unwrap()));
        durably(|done| log.purge(G, id(1, 2), done)).unwrap();
        assert_eq!(all(&*log, G), entries(1, 3..8));
        disk.close(log);
        let log = disk.open();
        assert_eq!(all(&*log, G), entries(1, 3..8));
        durably(|done| log.purge(G, id(5, 20), done)).unwrap();
        let ends = LogBounds {
            purged: Some(id(5, 20)),
            last: Some(id(5, 20)),
        };
        assert_eq!(log.bounds(G), ends);
        durably(|done| log.append(G, entries(5, 21..23), done)).unwrap();
        disk.close(log);
        let log = disk.open();
        assert_eq!(all(&*log, G), entries(5, 21..23));
    });
}

#[test]
fn a_read_is_cut_by_bytes_but_gives_at_least_one() {
    check(|disk| {
        let log = disk.open();
        let wrote: Vec<_> = (0..20).map(|i| entry(1, i, vec![7; 100])).collect();
        durably(|done| log.append(G, wrote.clone(), done)).unwrap();
        assert_eq!(log.entries(G, 0..20, 1).unwrap(), wrote[..1]);
        assert_eq!(
            log.entries(G, 0..20, 1700).unwrap(),
            wrote[..17],
            "across disk and memory"
        );
        assert_eq!(log.entries(G, 5..9, usize::MAX).unwrap(), wrote[5..9]);
        assert_eq!(log.entries(G, 19..400, usize::MAX).unwrap(), wrote[19..]);
        #[allow(clippy::reversed_empty_ranges, reason = "callers compute ranges")]
        let backwards = log.entries(G, 9..5, usize::MAX).unwrap();
        assert!(backwards.is_empty());
    });
}

#[test]
fn a_closed_log_refuses_by_name() {
    check(|disk| {
        let log = disk.open();
        log.close().unwrap();
        let refused = durably(|done| log.append(G, entries(1, 0..1), done));
        assert!(
            matches!(refused, Err(Error::LogClosed { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn many_groups_append_at_once() {
    check(|disk| {
        let log = disk.open();
        std::thread::scope(|scope| {
            for group in 0..8 {
                let log = &log;
                scope.spawn(move || {
                    for index in 0..50 {
                        durably(|done| {
                            log.append(GroupId(group), entries(1, index..index + 1), done);
                        })
                        .unwrap();
                    }
                });
            }
        });
        disk.close(log);
        let log = disk.open();
        for group in 0..8 {
            assert_eq!(all(&*log, GroupId(group)), entries(1, 0..50));
        }
    });
}

/// What a group should look like after any sequence of operations.
#[derive(Default)]
struct Model {
    purged: Option<LogId>,
    entries: BTreeMap<u64, LogEntry>,
    vote: Option<Vote>,
}

impl Model {
    fn last(&self) -> Option<LogId> {
        self.entries.values().last().map(|e| e.id).or(self.purged)
    }
}

#[test]
fn any_sequence_equals_a_plain_model() {
    let seed = rand::random();
    println!("seed {seed}");
    check(|disk| {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut log = disk.open();
        let mut models: BTreeMap<GroupId, Model> = BTreeMap::new();
        for _ in 0..300 {
            let group = GroupId(rng.random_range(0..3));
            let model = models.entry(group).or_default();
            random_step(&mut rng, &*log, group, model);
            assert_eq!(
                log.bounds(group),
                LogBounds {
                    purged: model.purged,
                    last: model.last()
                }
            );
            if rng.random_ratio(1, 40) {
                disk.close(log);
                log = disk.open();
            }
            let model = &models[&group];
            let from = rng.random_range(0..60);
            let want: Vec<_> = model
                .entries
                .range(from..)
                .map(|(_, e)| e.clone())
                .collect();
            assert_eq!(
                log.entries(group, from..u64::MAX, usize::MAX).unwrap(),
                want
            );
            assert_eq!(log.vote(group), model.vote);
        }
    });
}

fn random_step(rng: &mut StdRng, log: &dyn LogStore, group: GroupId, model: &mut Model) {
    let done = || Box::new(|r: Result<(), Error>| r.unwrap());
    let last = model.last();
    let next = last.map_or(0, |id| id.index + 1);
    match rng.random_range(0..10) {
        0..6 => {
            let term = last.map_or(1, |id| id.term) + u64::from(rng.random_ratio(1, 8));
            let count = rng.random_range(1..6);
            let size = rng.random_range(0..80);
            let new: Vec<_> = (next..next + count)
                .map(|i| entry(term, i, vec![i as u8; size]))
                .collect();
            model
                .entries
                .extend(new.iter().map(|e| (e.id.index, e.clone())));
            log.append(group, new, done());
        }
        6 => {
            let keep = model
                .entries
                .keys()
                .nth(rng.random_range(0..model.entries.len().max(1)))
                .copied();
            let Some(keep) = keep else { return };
            let upto = model.entries[&keep].id;
            model.entries.retain(|index, _| *index <= keep);
            log.truncate_after(group, Some(upto), done());
        }
        7 => {
            let upto = model
                .entries
                .keys()
                .nth(rng.random_range(0..model.entries.len().max(1)))
                .copied();
            let Some(upto) = upto else { return };
            let id = model.entries[&upto].id;
            model.entries.retain(|index, _| *index > upto);
            model.purged = Some(id);
            log.purge(group, id, done());
        }
        _ => {
            let vote = Vote {
                term: rng.random_range(0..9),
                node: 1,
                committed: rng.random(),
            };
            model.vote = Some(vote);
            log.save_vote(group, vote, done());
        }
    }
}
