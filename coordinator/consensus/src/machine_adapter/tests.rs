//! The consensus library's own suite for log and state stores, run on ours.

use aiex_storage::{
    LogStore, StateStore,
    log::{LogConfig, SimDisk},
    state::SimState,
};
use openraft::{
    StorageError,
    testing::log::{StoreBuilder, Suite},
};

use super::*;
use crate::{StateTx, log_adapter::GroupLog};

struct Nothing;

impl ShardMachine for Nothing {
    fn apply(&self, _: &mut dyn StateTx, _: u64, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

struct Stores;

fn on(group: GroupId, log: Arc<dyn LogStore>, state: &dyn StateStore) -> (GroupLog, GroupMachine) {
    let replica = state.replica(group, 0).unwrap();
    let machine =
        GroupMachine::open(group, Arc::new(Nothing), replica, Unflushed::default()).unwrap();
    (GroupLog { store: log, group }, machine)
}

impl StoreBuilder<Types, GroupLog, GroupMachine, ()> for Stores {
    async fn build(&self) -> Result<((), GroupLog, GroupMachine), StorageError<Types>> {
        // A tail of nothing in memory sends the suite's reads to the disk.
        let log = SimDisk::default()
            .open_log(LogConfig {
                tail_bytes_per_group: 0,
            })
            .unwrap();
        let (log, machine) = on(GroupId(1), Arc::new(log), &SimState::default());
        Ok(((), log, machine))
    }
}

/// One node's real stores; every case of the suite gets a group of its own.
struct RealStores {
    data: aiex_storage::DataDir,
    groups: std::sync::atomic::AtomicU16,
}

impl StoreBuilder<Types, GroupLog, GroupMachine, ()> for RealStores {
    async fn build(&self) -> Result<((), GroupLog, GroupMachine), StorageError<Types>> {
        let group = GroupId(self.groups.fetch_add(1, Ordering::Relaxed));
        let (log, machine) = on(group, Arc::clone(&self.data.log) as _, &*self.data.state);
        Ok(((), log, machine))
    }
}

/// The last case of the suite moves a snapshot between two nodes, which needs a peer link.
fn all_but_snapshot_transfer(result: Result<(), StorageError<Types>>) {
    let error = result
        .expect_err("snapshots can be installed now: expect the whole suite to pass")
        .to_string();
    assert!(error.contains("takes no snapshots from others"), "{error}");
}

#[tokio::test]
async fn the_librarys_suite_passes_on_the_simulated_stores() {
    all_but_snapshot_transfer(Suite::test_all(Stores).await);
}

#[tokio::test]
async fn the_librarys_suite_passes_on_the_real_stores() {
    let dir = tempfile::tempdir().unwrap();
    let marker = || aiex_storage::Marker {
        cluster_uuid: [1; 16],
        node_id: 1,
        storage_epoch: 1,
    };
    let data =
        aiex_storage::DataDir::open(dir.path(), marker, aiex_storage::EngineLimits::default())
            .unwrap();
    all_but_snapshot_transfer(
        Suite::test_all(RealStores {
            data,
            groups: 0.into(),
        })
        .await,
    );
}
