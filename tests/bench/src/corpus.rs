//! The Elixir source that analysis, index and search are measured on.

use aiex_context::ManifestEntry;
use anyhow::{Context as _, ensure};
use std::path::Path;

/// One Elixir file.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// Relative to the corpus.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// How a manifest names this content.
    pub(crate) fn manifest_entry(&self) -> ManifestEntry {
        ManifestEntry {
            path: self.path.clone(),
            hash: *blake3::hash(self.text.as_bytes()).as_bytes(),
            size_bytes: self.text.len() as u64,
        }
    }
}

/// Reads every `.ex` and `.exs` below `root` that is text, in order of their paths.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let walk = ignore::WalkBuilder::new(root)
        .standard_filters(false)
        .build();
    for entry in walk {
        let entry = entry?;
        let path = entry.path();
        let elixir = path
            .extension()
            .is_some_and(|kind| kind == "ex" || kind == "exs");
        if !elixir || !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        // a few fixtures are deliberately not UTF-8
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
        files.push(SourceFile { path, text });
    }
    ensure!(
        !files.is_empty(),
        "no Elixir source below {}",
        root.display()
    );
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Bytes of all files.
pub(crate) fn bytes(files: &[SourceFile]) -> usize {
    files.iter().map(|file| file.text.len()).sum()
}

/// Lines of all files.
pub(crate) fn lines(files: &[SourceFile]) -> usize {
    files.iter().map(|file| file.text.lines().count()).sum()
}
