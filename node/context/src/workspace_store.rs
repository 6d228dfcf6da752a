//! The store of workspaces: manifests, contents, and the indexes made from them.
//!
//! Everything here blocks on files and computation: call it from blocking threads. Tiers: indexes,
//! analyses and texts in memory; analyses on disk; contents compressed on disk.

use crate::analyses::{Analyses, IndexedFile};
use crate::contents::{self, ContentHash, Contents, HashFolder};
use crate::manifest::{Manifest, ManifestEntry};
use crate::metrics::{DISK_BYTES, HOT_BYTES, INDEX_SECONDS};
use crate::project_index::{ProjectFile, ProjectIndex};
use crate::texts::{TextRead, Texts};
use crate::{Error, worker_threads};
use metrics::{gauge, histogram};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The largest stored manifest: all paths at their longest do not occur.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;
/// Manifests kept when a full store makes room.
const MANIFESTS_KEPT: usize = 64;

/// Places and limits of the store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of the store; the node sets it below its data directory.
    pub dir: PathBuf,
    /// Disk for contents; analyses may take as much again.
    pub disk_bytes_max: u64,
    /// Memory for analyses and postings.
    pub hot_analysis_bytes: u64,
    /// Memory for texts.
    pub hot_text_bytes: u64,
    /// Projects whose graph is kept in memory.
    pub hot_indexes: u64,
    /// Threads that analyse, while a project is indexed.
    pub analysis_threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("context"),
            disk_bytes_max: 8 << 30,
            hot_analysis_bytes: 256 << 20,
            hot_text_bytes: 64 << 20,
            hot_indexes: 8,
            analysis_threads: 2,
        }
    }
}

/// The answer to a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncResult {
    /// 64 hexadecimal digits; names exactly this set of paths and contents.
    pub workspace_id: String,
    /// Contents to upload, each once.
    pub missing: Vec<ContentHash>,
}

/// What the store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub content_disk_bytes: u64,
    pub analysis_disk_bytes: u64,
    pub hot_analysis_bytes: u64,
    pub hot_text_bytes: u64,
}

/// The store. Share it behind an `Arc`.
pub struct WorkspaceStore {
    config: Config,
    manifests: HashFolder,
    texts: Arc<Texts>,
    analyses: Analyses,
    indexes: Cache<ContentHash, Arc<ProjectIndex>>,
    /// One project is analysed at a time, so that the threads stay as many as configured.
    building: Mutex<()>,
}

impl WorkspaceStore {
    /// Opens or makes the store.
    pub fn open(config: Config) -> Result<Self, Error> {
        let contents = Contents::open(config.dir.join("contents"), config.disk_bytes_max)?;
        Ok(Self {
            manifests: HashFolder::open(config.dir.join("manifests"))?,
            texts: Arc::new(Texts::new(contents, config.hot_text_bytes)),
            analyses: Analyses::open(
                config.dir.join("analyses"),
                config.hot_analysis_bytes,
                config.disk_bytes_max,
            )?,
            indexes: Cache::builder()
                .max_capacity(config.hot_indexes)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            building: Mutex::new(()),
            config,
        })
    }

    /// Remembers a working tree's files and says which contents are not here yet.
    pub fn sync(&self, project: &str, files: &[ManifestEntry]) -> Result<SyncResult, Error> {
        let manifest = Manifest::new(project, files.to_vec())?;
        let id = manifest.workspace_id();
        let bytes = postcard::to_stdvec(&manifest).map_err(|error| Error::Indexing {
            reason: error.to_string(),
        })?;
        self.manifests.replace(&id, &bytes)?;
        let mut seen = HashSet::new();
        let missing = manifest
            .files
            .iter()
            .filter(|file| seen.insert(file.hash) && !self.texts.contents().contains(&file.hash))
            .map(|file| file.hash)
            .collect();
        Ok(SyncResult {
            workspace_id: contents::hex(&id),
            missing,
        })
    }

    /// Stores one content under its BLAKE3 hash, at most 4 MiB. A full store first drops what
    /// only old manifests name.
    pub fn put(&self, hash: &ContentHash, bytes: &[u8]) -> Result<(), Error> {
        match self.texts.contents().put(hash, bytes) {
            Err(Error::Full { .. }) => {
                self.sweep(MANIFESTS_KEPT)?;
                self.texts.contents().put(hash, bytes)
            }
            other => other,
        }
    }

    /// Gives the index of a synced and uploaded workspace. Only files that no earlier workspace
    /// had are analysed.
    pub fn index(&self, workspace_id: &str) -> Result<Arc<ProjectIndex>, Error> {
        let unknown = || Error::UnknownWorkspace {
            workspace_id: workspace_id.chars().take(80).collect(),
        };
        let id = contents::from_hex(workspace_id).ok_or_else(unknown)?;
        if let Some(index) = self.indexes.get(&id) {
            return Ok(index);
        }
        let _turn = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        // another caller may have built it while this one waited
        if let Some(index) = self.indexes.get(&id) {
            return Ok(index);
        }
        let started = Instant::now();
        let manifest = self.manifest(&id)?.ok_or_else(unknown)?;
        let index = Arc::new(self.build(workspace_id, &manifest)?);
        self.indexes.insert(id, Arc::clone(&index));
        histogram!(INDEX_SECONDS).record(started.elapsed());
        self.report_usage();
        Ok(index)
    }

    /// Gives what the store takes in memory and on disk.
    pub fn usage(&self) -> Usage {
        Usage {
            content_disk_bytes: self.texts.contents().folder().used_bytes(),
            analysis_disk_bytes: self.analyses.folder().used_bytes(),
            hot_analysis_bytes: self.analyses.hot_bytes(),
            hot_text_bytes: self.texts.hot_bytes(),
        }
    }

    /// Drops all but the newest manifests, and every content and analysis that none of them
    /// names. Gives the number of files dropped.
    pub fn sweep(&self, manifests_kept: usize) -> Result<usize, Error> {
        let mut by_age = Vec::new();
        self.manifests.for_each_file(|path, _| {
            let modified = path.metadata().and_then(|meta| meta.modified());
            let name = path.file_name().and_then(|name| name.to_str());
            if let (Ok(modified), Some(id)) = (modified, name.and_then(contents::from_hex)) {
                by_age.push((modified, id));
            }
        })?;
        by_age.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(&a.1)));
        let mut contents = HashSet::new();
        let mut analyses = HashSet::new();
        let mut dropped = 0;
        for (position, (_, id)) in by_age.iter().enumerate() {
            if position >= manifests_kept {
                self.manifests.remove(id);
                self.indexes.invalidate(id);
                dropped += 1;
                continue;
            }
            for file in self
                .manifest(id)?
                .into_iter()
                .flat_map(|manifest| manifest.files)
            {
                analyses.insert(self.analyses.key(&file.path, &file.hash));
                contents.insert(file.hash);
            }
        }
        dropped += retain(self.texts.contents().folder(), &contents)?;
        dropped += retain(self.analyses.folder(), &analyses)?;
        Ok(dropped)
    }

    fn manifest(&self, id: &ContentHash) -> Result<Option<Manifest>, Error> {
        let Some(bytes) = self.manifests.get(id, MANIFEST_BYTES_MAX)? else {
            return Ok(None);
        };
        match postcard::from_bytes::<Manifest>(&bytes) {
            Ok(manifest) if manifest.workspace_id() == *id => Ok(Some(manifest)),
            _ => {
                self.manifests.remove(id);
                Ok(None)
            }
        }
    }

    fn build(&self, workspace_id: &str, manifest: &Manifest) -> Result<ProjectIndex, Error> {
        let threads = self.config.analysis_threads;
        let loaded = worker_threads::map(&manifest.files, threads, |file| self.load(file))?;
        let missing: Vec<&str> = manifest
            .files
            .iter()
            .zip(&loaded)
            .filter(|(_, loaded)| matches!(loaded, Loaded::Missing))
            .map(|(file, _)| file.path.as_str())
            .collect();
        if let Some(first) = missing.first() {
            return Err(Error::ContentMissing {
                count: missing.len(),
                first: (*first).to_owned(),
            });
        }
        let files = manifest
            .files
            .iter()
            .zip(loaded)
            .map(|(file, loaded)| ProjectFile {
                path: file.path.clone(),
                hash: file.hash,
                size_bytes: file.size_bytes,
                indexed: match loaded {
                    Loaded::Indexed(indexed) => Some(indexed),
                    Loaded::Plain | Loaded::Missing => None,
                },
            });
        Ok(ProjectIndex::new(
            workspace_id,
            files.collect(),
            Arc::clone(&self.texts),
        ))
    }

    fn load(&self, file: &ManifestEntry) -> Result<Loaded, Error> {
        if !is_elixir(&file.path) {
            let here = self.texts.contents().contains(&file.hash);
            return Ok(if here { Loaded::Plain } else { Loaded::Missing });
        }
        if let Some(hot) = self.analyses.hot(&file.path, &file.hash) {
            return Ok(Loaded::Indexed(hot));
        }
        match self.texts.read(&file.hash)? {
            TextRead::Missing => Ok(Loaded::Missing),
            TextRead::Binary => Ok(Loaded::Plain),
            TextRead::Text(text) => {
                let analysed = guarded(|| self.analyses.load(&file.path, &file.hash, &text));
                analysed.map_or_else(
                    || {
                        tracing::error!(path = file.path, "a file could not be analysed");
                        Ok(Loaded::Plain)
                    },
                    |loaded| loaded.map(Loaded::Indexed),
                )
            }
        }
    }

    fn report_usage(&self) {
        let usage = self.usage();
        gauge!(HOT_BYTES, "kind" => "files").set(usage.hot_analysis_bytes as f64);
        gauge!(HOT_BYTES, "kind" => "texts").set(usage.hot_text_bytes as f64);
        gauge!(DISK_BYTES, "kind" => "contents").set(usage.content_disk_bytes as f64);
        gauge!(DISK_BYTES, "kind" => "analyses").set(usage.analysis_disk_bytes as f64);
    }
}

enum Loaded {
    Indexed(Arc<IndexedFile>),
    /// Kept as a source, not searched.
    Plain,
    Missing,
}

/// A defect in the analysis of one file must not cost the whole project its index.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    // nothing is shared that a panic could leave half written: the caches insert whole values
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

fn is_elixir(path: &str) -> bool {
    path.ends_with(".ex") || path.ends_with(".exs")
}

fn retain(folder: &HashFolder, kept: &HashSet<ContentHash>) -> Result<usize, Error> {
    let mut unnamed = Vec::new();
    folder.for_each_file(|path, _| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(contents::from_hex);
        unnamed.extend(name.filter(|name| !kept.contains(name)));
    })?;
    for name in &unnamed {
        folder.remove(name);
    }
    Ok(unnamed.len())
}

#[cfg(test)]
mod tests;
