//! Indexing the whole corpus as a node does: manifest, contents, analyses, graph.

use crate::Bench;
use crate::corpus::{self, SourceFile};
use crate::distribution::Distribution;
use crate::report::{Goal, Line, Report};
use aiex_context::{Config, ManifestEntry, ProjectIndex, WorkspaceStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const AREA: &str = "index";
/// Files changed one after the other, spread over the corpus.
const CHANGES: usize = 15;
/// Ambition: a million lines in 15 s on two cores.
const LINES_PER_SECOND: f64 = 1e6 / 15.0;
/// Ambition for one changed file, 95th percentile.
const CHANGED_MS: f64 = 50.0;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let files = corpus::read(&bench.corpus)?;
    let folder = bench.folder("index")?;
    let lines = corpus::lines(&files);

    let store = open(&folder)?;
    let started = Instant::now();
    let id = upload(&store, &files)?;
    let uploaded = started.elapsed();
    let index = store.index(&id)?;
    let cold = started.elapsed();
    let size = index.size();
    let note = format!(
        "{} files, {} lines, {} chunks; storing the contents took {:.0} ms of it",
        size.files,
        lines,
        size.chunks,
        uploaded.as_secs_f64() * 1e3
    );
    report.add(Line::millis(AREA, "whole corpus, nothing known", cold).note(note));
    let rate = lines as f64 / cold.as_secs_f64();
    let goal = Goal::at_least(LINES_PER_SECOND.round()).ambition();
    report.add(Line::new(AREA, "whole corpus, rate", rate, "lines/s").goal(goal));
    let mib = size.index_bytes as f64 / f64::from(1 << 20);
    let per = mib * 1e5 / lines as f64;
    report.add(
        Line::new(AREA, "memory (estimate)", mib, "MiB")
            .note(format!("{per:.1} MiB per 100,000 lines")),
    );
    drop((index, store));

    let store = open(&folder)?;
    let started = Instant::now();
    let id = upload(&store, &files)?;
    let index = store.index(&id)?;
    report.add(Line::millis(
        AREA,
        "after a restart, analyses on disk",
        started.elapsed(),
    ));
    drop(index);
    let (changed, graph) = changed_files(&store, &files)?;
    let what = format!("one changed file, p95 of {CHANGES}");
    let note = format!(
        "median {:.1} ms, {:.1} ms of it for the index",
        changed.median().as_secs_f64() * 1e3,
        graph.median().as_secs_f64() * 1e3
    );
    let goal = Goal::at_most(CHANGED_MS).ambition();
    report.add(
        Line::millis(AREA, what, changed.percentile(95.0))
            .goal(goal)
            .note(note),
    );
    Ok(())
}

/// Opens a store with a node's limits.
pub(crate) fn open(folder: &Path) -> anyhow::Result<WorkspaceStore> {
    Ok(WorkspaceStore::open(Config {
        dir: folder.to_owned(),
        ..Config::default()
    })?)
}

/// Indexes files in a store of their own.
pub(crate) fn index_of(folder: &Path, files: &[SourceFile]) -> anyhow::Result<Arc<ProjectIndex>> {
    let store = open(folder)?;
    let id = upload(&store, files)?;
    Ok(store.index(&id)?)
}

/// Tells the store of the files and gives it what it lacks, as a client does.
fn upload(store: &WorkspaceStore, files: &[SourceFile]) -> anyhow::Result<String> {
    let entries: Vec<ManifestEntry> = files.iter().map(SourceFile::manifest_entry).collect();
    let synced = store.sync("bench", &entries)?;
    let missing: std::collections::HashSet<_> = synced.missing.into_iter().collect();
    for (file, entry) in files.iter().zip(&entries) {
        if missing.contains(&entry.hash) {
            store.put(&entry.hash, file.text.as_bytes())?;
        }
    }
    Ok(synced.workspace_id)
}

/// Changes one file at a time. Gives the times from the saved file to the searchable index, and the part after the
/// upload.
fn changed_files(
    store: &WorkspaceStore,
    files: &[SourceFile],
) -> anyhow::Result<(Distribution, Distribution)> {
    let (mut whole, mut indexing) = (Distribution::new()?, Distribution::new()?);
    let mut files = files.to_vec();
    let mut entries: Vec<ManifestEntry> = files.iter().map(SourceFile::manifest_entry).collect();
    for nth in 0..CHANGES {
        let at = nth * files.len() / CHANGES;
        let file = &mut files[at];
        file.text.push_str(&format!("\n# changed {nth}\n"));
        let started = Instant::now();
        entries[at] = file.manifest_entry();
        let synced = store.sync("bench", &entries)?;
        for hash in &synced.missing {
            store.put(hash, file.text.as_bytes())?;
        }
        let uploaded = Instant::now();
        let index = store.index(&synced.workspace_id)?;
        whole.record(started.elapsed());
        indexing.record(uploaded.elapsed());
        drop(index);
    }
    Ok((whole, indexing))
}
