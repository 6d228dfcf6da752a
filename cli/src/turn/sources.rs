//! Sends the sources of the project that the cluster does not have.

use crate::environment::now_unix_ms;
use crate::error::Error;
use crate::invocation::Workplace;
use crate::output::Output;
use crate::project::tree::{self, SourceFile, Tree};
use aiex_client::Client;
use aiex_proto::code::ErrorCode;
use aiex_proto::v1::{FileContent, FileEntry, SyncRequest};
use std::collections::HashSet;
use std::path::Path;

/// Bytes after which an upload is sent; far below the contract's limit, so that progress shows.
const BATCH_BYTES_MAX: u64 = 16 << 20;
/// Files of one upload.
const BATCH_FILES_MAX: usize = 512;
/// Walks before a tree that keeps changing is given up.
const WALKS_MAX: u32 = 3;
/// Left-out files that are named; the rest is counted.
const SKIPPED_NAMED_MAX: usize = 3;

/// Declares the files, sends what is missing, and returns the name of the snapshot.
///
/// # Errors
/// What the walk or the cluster refused; `Conflict` when files keep changing under the walk.
pub(crate) async fn send_sources(
    client: &Client,
    workplace: &Workplace,
    output: &Output,
) -> Result<String, Error> {
    for walk in 0..WALKS_MAX {
        output.progress("reading the project");
        let tree = walk_tree(workplace).await?;
        if walk == 0 {
            tell_skipped(&tree, output);
        }
        output.progress("comparing with the cluster");
        let request = SyncRequest {
            project: workplace.project.name.clone(),
            files: entries(&tree.files),
        };
        let reply = client.sync(request).await?;
        let missing: HashSet<[u8; 32]> = reply
            .missing
            .iter()
            .filter_map(|hash| hash.as_ref().try_into().ok())
            .collect();
        if upload(
            client,
            &workplace.project.root,
            &tree.files,
            missing,
            output,
        )
        .await?
        {
            return Ok(reply.workspace_id);
        }
    }
    Err(Error::refused(
        ErrorCode::Conflict,
        "files of the project keep changing while they are read",
        "stop what writes them (a build, a generator) and try again",
    ))
}

async fn walk_tree(workplace: &Workplace) -> Result<Tree, Error> {
    let root = workplace.project.root.clone();
    let exclude = workplace.settings.exclude.clone();
    let state = workplace.state.clone();
    blocking(move || {
        let known = state.hashes();
        let tree = Tree::walk(
            &root,
            &exclude,
            &known,
            now_unix_ms().saturating_mul(1_000_000),
        )?;
        if tree.hashes != known {
            state.remember_hashes(&tree.hashes)?;
        }
        Ok(tree)
    })
    .await
}

/// Sends the missing contents; false when a file changed since it was hashed.
async fn upload(
    client: &Client,
    root: &Path,
    files: &[SourceFile],
    mut missing: HashSet<[u8; 32]>,
    output: &Output,
) -> Result<bool, Error> {
    let wanted: Vec<SourceFile> = files
        .iter()
        .filter(|file| missing.remove(&file.hash))
        .cloned()
        .collect();
    let mut sent = 0;
    for batch in batches(&wanted) {
        output.progress(&format!(
            "sending {} of {} files",
            sent + batch.len(),
            wanted.len()
        ));
        sent += batch.len();
        let (root, batch) = (root.to_owned(), batch.to_vec());
        let Some(contents) = blocking(move || Ok(read_batch(&root, &batch))).await? else {
            return Ok(false);
        };
        client.upload(contents).await?;
    }
    Ok(true)
}

fn read_batch(root: &Path, batch: &[SourceFile]) -> Option<Vec<FileContent>> {
    let mut contents = Vec::with_capacity(batch.len());
    for file in batch {
        let content = tree::read(&root.join(&file.path)).ok()?;
        if blake3::hash(&content).as_bytes() != &file.hash {
            return None;
        }
        contents.push(FileContent {
            hash: file.hash.to_vec().into(),
            content: content.into(),
        });
    }
    Some(contents)
}

fn batches(files: &[SourceFile]) -> Vec<&[SourceFile]> {
    let mut batches = Vec::new();
    let (mut start, mut size_bytes) = (0, 0);
    for (place, file) in files.iter().enumerate() {
        let full =
            size_bytes + file.size_bytes > BATCH_BYTES_MAX || place - start >= BATCH_FILES_MAX;
        if full && place > start {
            batches.push(&files[start..place]);
            (start, size_bytes) = (place, 0);
        }
        size_bytes += file.size_bytes;
    }
    if start < files.len() {
        batches.push(&files[start..]);
    }
    batches
}

fn entries(files: &[SourceFile]) -> Vec<FileEntry> {
    let entry = |file: &SourceFile| FileEntry {
        path: file.path.clone(),
        hash: file.hash.to_vec().into(),
        size_bytes: file.size_bytes,
    };
    files.iter().map(entry).collect()
}

fn tell_skipped(tree: &Tree, output: &Output) {
    for skipped in tree.skipped.iter().take(SKIPPED_NAMED_MAX) {
        output.warn(&format!("{} is left out: {}", skipped.path, skipped.reason));
    }
    if tree.skipped.len() > SKIPPED_NAMED_MAX {
        output.warn(&format!(
            "{} more files are left out",
            tree.skipped.len() - SKIPPED_NAMED_MAX
        ));
    }
}

/// Runs work on files on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::internal("reading the project ended without a result"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size_bytes: u64) -> SourceFile {
        SourceFile {
            path: format!("lib/{size_bytes}.ex"),
            hash: [0; 32],
            size_bytes,
        }
    }

    #[test]
    fn batches_hold_every_file_once_and_stay_small() {
        assert!(batches(&[]).is_empty());
        let files: Vec<SourceFile> = (0..2_000).map(|n| file(n * 40)).collect();
        let batches = batches(&files);
        assert_eq!(batches.concat(), files);
        for batch in batches {
            let size: u64 = batch.iter().map(|file| file.size_bytes).sum();
            assert!(!batch.is_empty() && batch.len() <= BATCH_FILES_MAX && size <= BATCH_BYTES_MAX);
        }
    }

    #[test]
    fn a_file_changed_since_the_walk_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("a.ex"), "one").expect("a file");
        let known = SourceFile {
            path: "a.ex".into(),
            hash: *blake3::hash(b"one").as_bytes(),
            size_bytes: 3,
        };
        let root = dir.path().to_owned();
        assert_eq!(
            read_batch(&root, std::slice::from_ref(&known))
                .expect("unchanged")
                .len(),
            1
        );
        std::fs::write(dir.path().join("a.ex"), "two").expect("a file");
        assert!(read_batch(&root, &[known]).is_none());
    }
}
