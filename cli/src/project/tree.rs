//! The source files of a project with their hashes: what the cluster may know of the working tree.
//!
//! Ignored files, dependencies, build output and symbolic links are never followed or sent. Hashes are kept by
//! size and time of change, so that a second walk reads only what changed.

use crate::error::Error;
use aiex_proto::code::ErrorCode;
use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Largest file that is sent.
pub(crate) const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most files of one project.
pub(crate) const FILES_MAX: usize = 20_000;
/// Most directory entries looked at: a project opened in the wrong directory ends early.
const ENTRIES_MAX: usize = 400_000;
/// A file changed this shortly before the walk may change again within the same time stamp.
const FRESH_NS: i64 = 2_000_000_000;
/// Directories that hold no source of the project.
const SKIPPED_DIRECTORIES: [&str; 9] = [
    ".git",
    "deps",
    "_build",
    "node_modules",
    ".elixir_ls",
    ".lexical",
    ".expert",
    "cover",
    ".hex",
];

/// One file that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// Relative to the root, forward slashes.
    pub(crate) path: String,
    pub(crate) hash: [u8; 32],
    pub(crate) size_bytes: u64,
}

/// The outcome of a walk.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Sorted by path.
    pub(crate) files: Vec<SourceFile>,
    /// Source files left out, each with its reason.
    pub(crate) skipped: Vec<Skipped>,
    /// Hashes to remember for the next walk.
    pub(crate) hashes: Hashes,
}

/// A source file that is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// What is known of files that did not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hashes(HashMap<String, Known>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    changed_ns: i64,
    size_bytes: u64,
    inode: u64,
    /// Lower-case hex; empty when the file is not text.
    hash: String,
}

impl Tree {
    /// Walks the project. `now_ns` is the time of the walk, in nanoseconds since 1970.
    ///
    /// # Errors
    /// `Usage` for a glob that is not one; `LimitReached` when the directory holds too much to be a project.
    pub(crate) fn walk(
        root: &Path,
        exclude: &[String],
        known: &Hashes,
        now_ns: i64,
    ) -> Result<Self, Error> {
        let mut tree = Self::default();
        let walk = walker(root).overrides(overrides(root, exclude)?).build();
        for (looked_at, entry) in walk.enumerate() {
            if looked_at >= ENTRIES_MAX {
                return Err(too_much(
                    root,
                    format!("more than {ENTRIES_MAX} directory entries"),
                ));
            }
            // An unreadable directory is no reason to refuse the rest of the project.
            let Ok(entry) = entry else { continue };
            let Some(path) = relative(root, entry.path()) else {
                continue;
            };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) || !is_source(&path) {
                continue;
            }
            if tree.files.len() >= FILES_MAX {
                return Err(too_much(
                    root,
                    format!("more than {FILES_MAX} source files"),
                ));
            }
            tree.add(entry.path(), path, known, now_ns);
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn add(&mut self, place: &Path, path: String, known: &Hashes, now_ns: i64) {
        match hash_of(place, known.0.get(&path), now_ns) {
            Ok((entry, fresh)) => {
                match blake3::Hash::from_hex(&entry.hash) {
                    Ok(hash) => self.files.push(SourceFile {
                        path: path.clone(),
                        hash: *hash.as_bytes(),
                        size_bytes: entry.size_bytes,
                    }),
                    Err(_) => self.skip(&path, "it is not text"),
                }
                if !fresh {
                    self.hashes.0.insert(path, entry);
                }
            }
            Err(reason) => self.skip(&path, &reason),
        }
    }

    fn skip(&mut self, path: &str, reason: &str) {
        self.skipped.push(Skipped {
            path: path.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

/// Walks what belongs to a project: not what is ignored, fetched or built, and through no symbolic link.
pub(crate) fn walker(root: &Path) -> WalkBuilder {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false)
        .follow_links(false)
        .require_git(false)
        .filter_entry(|entry| !is_skipped_directory(entry));
    walk
}

/// Opens for reading without waiting for the other end of a pipe that stands in the place of a file.
pub(crate) fn open(place: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(place, flags, Mode::empty())?))
}

/// Reads a regular file that is not too large.
pub(crate) fn read(place: &Path) -> Result<Vec<u8>, String> {
    let mut file = open(place).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    check_size(&metadata)?;
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    let limit = FILE_BYTES_MAX + 1;
    file.by_ref()
        .take(limit)
        .read_to_end(&mut content)
        .map_err(|error| error.to_string())?;
    if content.len() as u64 >= limit {
        return Err(format!("it grew beyond {FILE_BYTES_MAX} bytes"));
    }
    Ok(content)
}

fn check_size(metadata: &Metadata) -> Result<(), String> {
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(format!(
            "it has {} bytes, the limit is {FILE_BYTES_MAX}",
            metadata.len()
        ));
    }
    Ok(())
}

/// The hash of a file, from memory when size, time and inode are unchanged. True: too fresh to be remembered.
fn hash_of(place: &Path, known: Option<&Known>, now_ns: i64) -> Result<(Known, bool), String> {
    let metadata = fs::symlink_metadata(place).map_err(|error| error.to_string())?;
    check_size(&metadata)?;
    let mut entry = Known {
        changed_ns: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        size_bytes: metadata.len(),
        inode: metadata.ino(),
        hash: String::new(),
    };
    let fresh = entry.changed_ns.saturating_add(FRESH_NS) > now_ns;
    if let Some(known) = known {
        entry.hash.clone_from(&known.hash);
        if entry == *known {
            return Ok((entry, fresh));
        }
        entry.hash.clear();
    }
    let content = read(place)?;
    entry.size_bytes = content.len() as u64;
    if std::str::from_utf8(&content).is_ok() && !content.contains(&0) {
        entry.hash = blake3::hash(&content).to_hex().to_string();
    }
    Ok((entry, fresh))
}

/// Elixir sources and templates anywhere, and the documents a person would read first.
fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let document = extension == "md" || name.starts_with("README");
    let documented_place = !path.contains('/')
        || ["docs/", "doc/", "guides/", "pages/"]
            .iter()
            .any(|dir| path.starts_with(dir) || path.contains(&format!("/{dir}")));
    matches!(extension, "ex" | "exs" | "heex" | "eex" | "leex")
        || document && (documented_place || name.starts_with("README"))
}

fn is_skipped_directory(entry: &DirEntry) -> bool {
    entry.depth() > 0
        && entry.file_type().is_some_and(|kind| kind.is_dir())
        && entry
            .file_name()
            .to_str()
            .is_some_and(|name| SKIPPED_DIRECTORIES.contains(&name))
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    let path = path.strip_prefix(root).ok()?.to_str()?;
    (!path.is_empty()).then(|| path.to_owned())
}

fn overrides(root: &Path, exclude: &[String]) -> Result<Override, Error> {
    let mut builder = OverrideBuilder::new(root);
    for glob in exclude {
        // In an override a leading `!` excludes, and the rest stays.
        builder
            .add(&format!("!{}", glob.trim_start_matches('!')))
            .map_err(|error| {
                Error::usage(
                    format!("exclude holds '{glob}', which is not a glob: {error}"),
                    "see .aiex.toml in docs/cli.md",
                )
            })?;
    }
    builder.build().map_err(|error| {
        Error::usage(
            format!("exclude cannot be used: {error}"),
            "see docs/cli.md",
        )
    })
}

fn too_much(root: &Path, what: String) -> Error {
    Error::refused(
        ErrorCode::LimitReached,
        format!("{} holds {what}", root.display()),
        "run the command inside a Mix project, or list what to leave out as exclude in .aiex.toml",
    )
}

#[cfg(test)]
mod tests;
