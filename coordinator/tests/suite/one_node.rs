//! One real node: RocksDB, consensus with one voter, fsync.

use std::{collections::BTreeMap, sync::Arc};

use aiex_coordinator::{Config, Coordinator, Error, Handle, ShardId};
use bytes::Bytes;

use crate::counter::{Counter, add, count_of};

async fn start(dir: &std::path::Path) -> (Handle, Coordinator) {
    Coordinator::start(Config::new(dir), Arc::new(Counter))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn propose_read_registry_blobs_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (handle, coordinator) = start(dir.path()).await;
    let (cluster, node) = (handle.cluster_id(), handle.node_id());
    assert_eq!(handle.table().shard_count(), 16);

    let mut wanted = BTreeMap::new();
    for i in 0..64u32 {
        let key = format!("session-{}", i % 7);
        let shard = handle.shard_of(key.as_bytes());
        let total = add(&handle, &key, 1).await.unwrap();
        let count = wanted.entry((shard, key)).or_insert(0u64);
        *count += 1;
        assert_eq!(total, *count);
    }
    let version = handle
        .registry_put("tokens", b"t1", Some(0), b"secret", "r1")
        .await
        .unwrap();
    let hash = handle
        .blobs()
        .unwrap()
        .put(Bytes::from(vec![5; 100_000]))
        .await
        .unwrap();
    coordinator.shutdown().await.unwrap();
    assert!(matches!(
        handle.propose(ShardId(0), Bytes::new()).await,
        Err(Error::Unavailable { .. })
    ));

    // The old handle is still alive: it must not keep the directory locked.
    let (again, coordinator) = start(dir.path()).await;
    assert_eq!((again.cluster_id(), again.node_id()), (cluster, node));
    for ((_, key), count) in &wanted {
        assert_eq!(
            count_of(&again, key).await.unwrap(),
            *count,
            "{key}: applied once, neither lost nor twice"
        );
    }
    let entry = again.registry_get("tokens", b"t1").await.unwrap().unwrap();
    assert_eq!((entry.version, entry.value), (version, b"secret".to_vec()));
    let repeated = again
        .registry_put("tokens", b"t1", Some(0), b"secret", "r1")
        .await
        .unwrap();
    assert_eq!(repeated, version);
    assert_eq!(
        again.blobs().unwrap().get(hash).await.unwrap(),
        vec![5; 100_000]
    );
    coordinator.shutdown().await.unwrap();
}
