//! Where a node keeps what inside its data directory.

use std::path::{Path, PathBuf};

/// The layout below `node.data_dir`.
pub(crate) struct DataDir {
    /// Logs, state and blobs of the groups.
    pub(crate) cluster: PathBuf,
    /// The key that wraps the keys of sessions; mode 0600.
    pub(crate) master_key: PathBuf,
    /// Projects' files by content hash, and what analysis made of them.
    pub(crate) workspaces: PathBuf,
}

impl DataDir {
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            cluster: root.join("cluster"),
            master_key: root.join("keys").join("master.key"),
            workspaces: root.join("workspaces"),
        }
    }
}
