//! Documents: links lead somewhere, the index of decisions matches the folder.

use crate::repository::{read, root, tracked_files};
use anyhow::{Context, Result};
use std::path::Path;

#[test]
fn links_lead_somewhere() -> Result<()> {
    let mut broken = Vec::new();
    for name in tracked_files()?.iter().filter(|name| name.ends_with(".md")) {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for target in links(&read(name)?) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            if !root().join(folder).join(path).try_exists()? {
                broken.push(format!("{name} -> {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// Targets of `[text](target)` outside fenced code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            let Some(end) = rest.find(')') else { break };
            found.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    found
}

#[test]
fn the_index_of_decisions_matches_the_folder() -> Result<()> {
    let index = read("docs/adr/README.md").context("docs/adr/README.md is the index")?;
    let mut records: Vec<String> = tracked_files()?
        .into_iter()
        .filter_map(|name| name.strip_prefix("docs/adr/").map(str::to_owned))
        .filter(|name| name != "README.md" && name.ends_with(".md"))
        .collect();
    records.sort();
    let missing: Vec<&String> = records
        .iter()
        .filter(|name| !index.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in docs/adr/README.md: {missing:?}");
    let mut numbers: Vec<&str> = records.iter().map(|name| &name[..4]).collect();
    numbers.dedup();
    assert_eq!(
        numbers.len(),
        records.len(),
        "two records share a number: {records:?}"
    );
    Ok(())
}

#[test]
fn link_targets_are_found() {
    assert_eq!(
        links("see [a](b.md) and [c](d.md#e)\n```\n[x](y)\n```\n"),
        ["b.md", "d.md#e"]
    );
}
