//! The list of a workspace's files, and the id that names exactly this list.

use crate::Error;
use crate::contents::{ContentHash, FILE_BYTES_MAX};
use serde::{Deserialize, Serialize};

/// Most files of one workspace.
pub const FILES_MAX: usize = 20_000;

const PATH_BYTES_MAX: usize = 4_096;
const ID_CONTEXT: &str = "aiex 2026 workspace id v1";

/// One file of a working tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Relative to the project root, forward slashes.
    pub path: String,
    /// BLAKE3 of the content.
    pub hash: ContentHash,
    pub size_bytes: u64,
}

/// A checked manifest, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) project: String,
    pub(crate) files: Vec<ManifestEntry>,
}

impl Manifest {
    /// Checks and sorts. Fails on a path that could leave the project, on a repeated path, and
    /// above the limits.
    pub(crate) fn new(project: &str, mut files: Vec<ManifestEntry>) -> Result<Self, Error> {
        if files.len() > FILES_MAX {
            return Err(Error::TooManyFiles {
                files: files.len(),
                limit: FILES_MAX,
            });
        }
        for file in &files {
            check_path(&file.path)?;
            if file.size_bytes > FILE_BYTES_MAX {
                let size_bytes = file.size_bytes;
                return Err(Error::ContentTooLarge {
                    size_bytes,
                    limit_bytes: FILE_BYTES_MAX,
                });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(refused(&pair[0].path, "it occurs twice"));
        }
        Ok(Self {
            project: project.chars().take(256).collect(),
            files,
        })
    }

    /// Gives the id: a hash over every path and content hash, the same on every node.
    pub(crate) fn workspace_id(&self) -> ContentHash {
        let mut hasher = blake3::Hasher::new_derive_key(ID_CONTEXT);
        for file in &self.files {
            // the length keeps one path's end from reading as the next one's start
            hasher.update(&(file.path.len() as u64).to_le_bytes());
            hasher.update(file.path.as_bytes());
            hasher.update(&file.hash);
        }
        *hasher.finalize().as_bytes()
    }
}

fn check_path(path: &str) -> Result<(), Error> {
    if path.is_empty() {
        return Err(refused(path, "it is empty"));
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(refused(path, "it is above 4096 bytes"));
    }
    if path.chars().any(char::is_control) {
        return Err(refused(path, "it has control characters"));
    }
    if path.contains('\\') {
        return Err(refused(path, "it has a backslash"));
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refused(path, "it is absolute, or has `.` or `..` in it"));
    }
    Ok(())
}

fn refused(path: &str, reason: &'static str) -> Error {
    Error::PathRefused {
        path: path.chars().take(256).collect(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, content: &str) -> ManifestEntry {
        let hash = crate::contents::content_hash(content.as_bytes());
        ManifestEntry {
            path: path.into(),
            hash,
            size_bytes: content.len() as u64,
        }
    }

    #[test]
    fn the_id_depends_on_paths_and_contents_but_not_on_order() {
        let id = |files| Manifest::new("p", files).unwrap().workspace_id();
        let one = id(vec![entry("a", "1"), entry("b", "2")]);
        assert_eq!(one, id(vec![entry("b", "2"), entry("a", "1")]));
        for other in [
            vec![entry("a", "2"), entry("b", "1")],
            vec![entry("a", "1")],
            vec![entry("ab", "1"), entry("b", "2")],
            vec![],
        ] {
            assert_ne!(one, id(other));
        }
    }

    #[test]
    fn paths_that_leave_the_project_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a\0b",
            "a\\b",
            "a/",
        ] {
            let refused = Manifest::new("p", vec![entry(path, "")]).unwrap_err();
            assert!(matches!(refused, Error::PathRefused { .. }), "{path:?}");
        }
        let twice = vec![entry("a", "1"), entry("a", "2")];
        assert!(matches!(
            Manifest::new("p", twice),
            Err(Error::PathRefused { .. })
        ));
        assert!(Manifest::new("p", vec![entry("lib/..a/b c.ex", "")]).is_ok());
    }
}
