//! What a node's cluster side must be told at its start.

use std::path::PathBuf;

use aiex_consensus::Settings;
use aiex_storage::EngineLimits;

/// Configuration of [`crate::Coordinator`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept; made when absent.
    pub data_dir: PathBuf,
    /// Nodes the cluster is planned to reach; fixes the number of shards at the very first start, ignored later.
    pub planned_nodes: u32,
    /// Failure domain of this node, empty if unknown.
    pub zone: String,
    /// Memory bounds of the databases.
    pub limits: EngineLimits,
    /// Timing of the shard groups.
    pub shard_settings: Settings,
    /// Timing of the metadata group.
    pub metadata_settings: Settings,
}

impl Config {
    /// A node of its own in `data_dir`, with default limits.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            planned_nodes: 1,
            zone: String::new(),
            limits: EngineLimits::default(),
            shard_settings: Settings::SHARD,
            metadata_settings: Settings::METADATA,
        }
    }
}
