//! A throw-away copy of the project for test runs; removed when dropped.

use std::{
    fs::{self, File, FileTimes},
    io,
    path::Path,
};

use super::super::Executor;
use crate::{
    error::{Error, Result},
    path::WorkspacePath,
    walk::{Scope, walk},
};

/// Files and bytes one copy may have.
const COPY_FILES_MAX: usize = 50_000;
const COPY_BYTES_MAX: u64 = 1 << 30;
/// Not copied: history, build output, and dependencies, which are lent read-only instead.
const LEFT_OUT: &[&str] = &[
    ".git",
    "_build",
    "deps",
    "node_modules",
    "cover",
    ".elixir_ls",
];

/// The copy, in a directory of its own with room for the run's other files.
pub(super) struct Copy {
    place: tempfile::TempDir,
}

impl Copy {
    /// The copied tree.
    pub(super) fn tree(&self) -> std::path::PathBuf {
        self.place.path().join("tree")
    }

    /// Where the formatter and the results of the run stand.
    pub(super) fn side(&self) -> std::path::PathBuf {
        self.place.path().join("run")
    }

    /// Puts a file into the copied tree, over the copied one if there is one.
    pub(super) fn put(&self, path: &WorkspacePath, content: &str) -> Result<()> {
        let target = self.tree().join(path.as_str());
        let written = target
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&target, content));
        written.map_err(|error| Error::io(format!("writing {path} into the copy"), error))
    }
}

impl Executor {
    /// Copies the project, keeping times so that Mix need not compile it again.
    pub(super) fn copy_project(&self) -> Result<Copy> {
        let failed = |error| Error::io("copying the project", error);
        let runs = self.config.state_dir.join("sandbox");
        fs::create_dir_all(&runs).map_err(failed)?;
        let place = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&runs)
            .map_err(failed)?;
        let copy = Copy { place };
        fs::create_dir(copy.tree())
            .and_then(|()| fs::create_dir(copy.side()))
            .map_err(failed)?;
        let root = self.workspace.project();
        let found = walk(root, &WorkspacePath::root(), Scope::AllBut(LEFT_OUT))?;
        if found.truncated || found.files.len() > COPY_FILES_MAX {
            let bytes = found.files.len() as u64;
            return Err(Error::TooLarge {
                path: "the project (files)".into(),
                bytes,
                limit: COPY_FILES_MAX as u64,
            });
        }
        let mut total = 0;
        for path in &found.files {
            let mut source = match root.open_file(path) {
                Ok(file) => File::from(file),
                // closed to us, so also to the project's own commands
                Err(Error::Unreadable { .. } | Error::Missing { .. } | Error::Escape { .. }) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            total += copy_file(&mut source, &copy.tree().join(path.as_str())).map_err(failed)?;
            if total > COPY_BYTES_MAX {
                return Err(Error::TooLarge {
                    path: "the project".into(),
                    bytes: total,
                    limit: COPY_BYTES_MAX,
                });
            }
        }
        Ok(copy)
    }
}

fn copy_file(source: &mut File, target: &Path) -> io::Result<u64> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut copied = File::create_new(target)?;
    let bytes = io::copy(source, &mut copied)?;
    let meta = source.metadata()?;
    copied.set_permissions(meta.permissions())?;
    copied.set_times(FileTimes::new().set_modified(meta.modified()?))?;
    Ok(bytes)
}
