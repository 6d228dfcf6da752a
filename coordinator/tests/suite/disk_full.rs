//! A disk that is really full: a small file system in memory. An ordinary user mounts it in a user namespace; where
//! that is refused too, the test fails and says so.

use std::{path::PathBuf, process::Command, sync::Arc};

use aiex_coordinator::{Config, Coordinator, EngineLimits, Error};
use bytes::Bytes;

use crate::counter::{Counter, add, count_of, entry};

/// A file that only takes space.
const BALLAST: &str = "ballast";

/// A mounted file system of a given size; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path()))
        .then_some(Self(dir))
    }

    /// Takes space away until [`SmallDisk::relieve`]; an ordinary user may not change a mount's size.
    fn burden(&self, megabytes: usize) {
        std::fs::write(self.0.path().join(BALLAST), vec![0; megabytes << 20]).unwrap();
    }

    fn relieve(&self) {
        std::fs::remove_file(self.0.path().join(BALLAST)).unwrap();
    }

    fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(self.0.path()));
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Marks a test that runs in its namespace already.
const IN_NAMESPACE: &str = "AIEX_TEST_IN_NAMESPACE";

/// Runs one test again where its user may mount.
fn in_a_namespace(test: &str) {
    let hint =
        "mounting is refused: run as root, or allow user namespaces (unshare, from util-linux)";
    assert!(std::env::var_os(IN_NAMESPACE).is_none(), "{hint}");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(IN_NAMESPACE, "1")
        .output()
        .expect(hint);
    let text = String::from_utf8_lossy(&output.stdout);
    let ran = output.status.success() && text.contains("1 passed");
    assert!(
        ran,
        "{hint}\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_one_clear_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(272) else {
        return in_a_namespace("disk_full::a_full_disk_is_one_clear_error_and_loses_nothing");
    };
    disk.burden(256);
    let config = || Config {
        limits: EngineLimits {
            max_wal_bytes: 4 << 20,
            ..EngineLimits::default()
        },
        ..Config::new(disk.data_dir())
    };
    let (handle, coordinator) = Coordinator::start(config(), Arc::new(Counter))
        .await
        .unwrap();
    let (key, shard) = ("k", handle.shard_of(b"k"));
    let mut acknowledged = 0;
    let mut large = 0;
    let failure = loop {
        // A large entry fills the disk, a small one counts. Random, as RocksDB compresses.
        large += 1;
        let mut filler = entry("", 1).to_vec();
        filler.extend((0..25_000).flat_map(|_| rand::random::<u64>().to_le_bytes()));
        if let Err(error) = handle.propose(shard, Bytes::from(filler)).await {
            break error;
        }
        match add(&handle, key, 1).await {
            Ok(total) => acknowledged = total,
            Err(error) => break error,
        }
        assert!(large < 1000, "the disk never filled");
    };
    assert!(acknowledged > 0);
    let text = failure.to_string();
    assert!(
        matches!(failure, Error::Storage { .. }) && text.contains("disk is full"),
        "{text}"
    );
    let again = handle.propose(shard, Bytes::from_static(&[0; 8])).await;
    assert!(matches!(again, Err(Error::Storage { .. })), "{again:?}");
    let failed = handle
        .status()
        .into_iter()
        .filter(|s| s.failure.is_some())
        .count();
    assert!(failed >= 1, "no group says why it stopped");
    let _ = coordinator.shutdown().await;

    disk.relieve();
    let (handle, coordinator) = Coordinator::start(config(), Arc::new(Counter))
        .await
        .unwrap();
    let kept = count_of(&handle, key).await.unwrap();
    assert!(
        (acknowledged..=acknowledged + 1).contains(&kept),
        "{kept} kept of {acknowledged}"
    );
    assert_eq!(add(&handle, key, 1).await.unwrap(), kept + 1);
    coordinator.shutdown().await.unwrap();
}
