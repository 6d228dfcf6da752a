//! Starting and stopping the cluster side of a node.

use std::sync::Arc;

use aiex_consensus::{Group, GroupParts, ShardMachine};
use aiex_placement::{
    NodeEntry, NodeId, NodeState, NodeView, PlacementTable, ShardId, place_v1, shard_count,
};
use aiex_storage::{DataDir, GroupId, Marker};
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use uuid::Uuid;

use crate::{
    Config, Error, Handle,
    blobs::Blobs,
    handle::Open,
    metadata::{Answer, Command, MetadataMachine, read_table},
};

/// The metadata group's id in the node's log; shards count up from 0 and never reach it.
const METADATA: GroupId = GroupId(0xf000);
/// The id of the node that founds a cluster.
const FOUNDER: NodeId = NodeId(1);

/// The running cluster side of a node. Ends with [`Coordinator::shutdown`].
pub struct Coordinator {
    handle: Handle,
    data: DataDir,
}

impl Coordinator {
    /// Opens the data directory, or founds a cluster in an empty one, and starts all groups; `machine` gives meaning to
    /// what is proposed to the shards.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Locked`], [`Error::Format`] and [`Error::Quarantined`] name what is wrong with the
    /// directory; [`Error::Storage`] and [`Error::Unavailable`] what failed on the way.
    pub async fn start(
        config: Config,
        machine: Arc<dyn ShardMachine>,
    ) -> Result<(Handle, Self), Error> {
        let (path, limits) = (config.data_dir.clone(), config.limits);
        let data = blocking(move || DataDir::open(&path, found_cluster, limits)).await??;
        let starter = Starter {
            node: NodeId(data.marker.node_id),
            config: &config,
            data: &data,
        };

        let metadata = Arc::new(
            starter
                .start_group(METADATA, Arc::new(MetadataMachine))
                .await?,
        );
        let table = starter.committed_table(&metadata).await?;
        let shards = (0..table.shard_count()).map(|shard| {
            let (starter, machine) = (&starter, Arc::clone(&machine));
            async move {
                starter
                    .start_group(GroupId(shard), machine)
                    .await
                    .map(Arc::new)
            }
        });
        let shards = try_join_all(shards).await?;

        let blobs = Blobs::new(Arc::clone(&data.blobs));
        let cluster = Uuid::from_bytes(data.marker.cluster_uuid);
        let handle = Handle::new(
            starter.node,
            cluster,
            table,
            Open {
                metadata,
                shards,
                blobs,
            },
        );
        tracing::info!(node = %handle.node_id(), %cluster, shards = handle.table().shard_count(), "groups started");
        Ok((handle.clone(), Self { handle, data }))
    }

    /// Stops accepting, finishes what was accepted, flushes every state, syncs the log and gives up the directory.
    ///
    /// # Errors
    /// The first failure; everything acknowledged is in the log in any case.
    pub async fn shutdown(self) -> Result<(), Error> {
        let Self { handle, data } = self;
        let Some(open) = handle.close() else {
            return Ok(());
        };
        let stopped = join_all(
            open.shards
                .iter()
                .chain([&open.metadata])
                .map(|group| group.shutdown()),
        )
        .await;
        drop((handle, open));
        let closed = blocking(move || data.close()).await?;
        stopped.into_iter().collect::<Result<(), _>>()?;
        Ok(closed?)
    }
}

fn found_cluster() -> Marker {
    Marker {
        cluster_uuid: *Uuid::new_v4().as_bytes(),
        node_id: FOUNDER.0,
        storage_epoch: 1,
    }
}

struct Starter<'a> {
    node: NodeId,
    config: &'a Config,
    data: &'a DataDir,
}

impl Starter<'_> {
    async fn start_group(
        &self,
        group: GroupId,
        machine: Arc<dyn ShardMachine>,
    ) -> Result<Group, Error> {
        let settings = if group == METADATA {
            self.config.metadata_settings
        } else {
            self.config.shard_settings
        };
        let parts = GroupParts {
            group,
            node: self.node,
            settings,
            log: Arc::clone(&self.data.log) as _,
            state: Arc::clone(&self.data.state) as _,
            machine,
        };
        Ok(Group::start(parts).await?)
    }

    /// Returns the committed table; commits the first one if there is none.
    async fn committed_table(&self, metadata: &Group) -> Result<PlacementTable, Error> {
        if let Some(table) = metadata.read(|state| read_table(state)).await? {
            return Ok(table);
        }
        let table = self.first_table()?;
        let command = postcard::to_stdvec(&Command::SetTable(Box::new(table.clone())));
        let command = command.map_err(|e| Error::Storage {
            reason: format!("the first table: {e}"),
        })?;
        let answer = metadata.propose(Bytes::from(command)).await?;
        match postcard::from_bytes(&answer) {
            Ok(Answer::Version(_)) => Ok(table),
            other => Err(Error::Unavailable {
                reason: format!("the first placement table was refused ({other:?})"),
            }),
        }
    }

    fn first_table(&self) -> Result<PlacementTable, Error> {
        let (id, zone) = (self.node, self.config.zone.clone());
        let view = NodeView {
            id,
            zone: zone.clone(),
            weight: 1,
            state: NodeState::Up,
            disk_used_percent: 0,
        };
        let entry = NodeEntry {
            id,
            zone,
            address: String::new(),
            state: NodeState::Up,
        };
        let plan = place_v1(&[view], shard_count(self.config.planned_nodes));
        debug_assert!(plan.iter().all(|a| a.shard < ShardId(METADATA.0)));
        PlacementTable::initial(vec![entry], &plan).map_err(|e| Error::Storage {
            reason: e.to_string(),
        })
    }
}

/// Runs `work` on a blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Error::Storage {
        reason: format!("a storage task failed: {e}"),
    })
}
