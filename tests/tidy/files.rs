//! Size, shape and names of source files.

use crate::repository::{read, tracked_files};
use anyhow::Result;

/// Lines of a source file without its inline tests.
const LINES_MAX: usize = 500;

/// Flat lists of same-shaped items, each with its reason.
const LONG_FLAT_LISTS: &[(&str, &str)] = &[];

/// Names that say nothing about the field.
const BANNED_NAMES: &[&str] = &[
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "core", "base", "shared",
    "mod",
];

/// Words that promise work instead of doing it.
const PROMISES: &[&str] = &["TODO", "FIXME", "XXX", "unimplemented!(", "todo!("];

fn rust_files() -> Result<Vec<String>> {
    Ok(tracked_files()?
        .into_iter()
        .filter(|name| name.ends_with(".rs"))
        .collect())
}

fn is_test_code(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("tests/")
        || name.contains("/tests/")
        || file == "tests.rs"
        || file.ends_with("_tests.rs")
        || file.starts_with("test_")
}

#[test]
fn files_fit_a_head() -> Result<()> {
    let mut long = Vec::new();
    for name in rust_files()?.iter().filter(|name| !is_test_code(name)) {
        if LONG_FLAT_LISTS.iter().any(|(exempt, _)| exempt == name) {
            continue;
        }
        let text = read(name)?;
        let lines = text
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or(&text)
            .lines()
            .count();
        if lines > LINES_MAX {
            long.push(format!("{name}: {lines} lines, at most {LINES_MAX}"));
        }
    }
    assert!(long.is_empty(), "cut along a seam:\n{}", long.join("\n"));
    Ok(())
}

#[test]
fn files_say_what_they_are() -> Result<()> {
    let mut silent = Vec::new();
    for name in rust_files()? {
        if !read(&name)?.trim_start().starts_with("//!") {
            silent.push(name);
        }
    }
    assert!(
        silent.is_empty(),
        "begin with a `//!` line:\n{}",
        silent.join("\n")
    );
    Ok(())
}

#[test]
fn names_come_from_the_field() -> Result<()> {
    let mut vague = Vec::new();
    for name in tracked_files()? {
        let segments = name.split('/').flat_map(|part| part.split('.').next());
        if segments
            .clone()
            .any(|segment| BANNED_NAMES.contains(&segment))
        {
            vague.push(name);
        }
    }
    assert!(
        vague.is_empty(),
        "name by the subject:\n{}",
        vague.join("\n")
    );
    Ok(())
}

#[test]
fn nothing_is_promised_in_code() -> Result<()> {
    let mut promises = Vec::new();
    for name in rust_files()?
        .iter()
        .filter(|name| !name.starts_with("tests/tidy/"))
    {
        for (number, line) in read(name)?.lines().enumerate() {
            if PROMISES.iter().any(|word| line.contains(word)) && !line.contains("tidy:") {
                promises.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(
        promises.is_empty(),
        "do it, or say in docs/plan.md that it is not built:\n{}",
        promises.join("\n")
    );
    Ok(())
}

#[test]
fn tests_do_not_sleep() -> Result<()> {
    let mut sleepers = Vec::new();
    for name in rust_files()?
        .iter()
        .filter(|name| !name.starts_with("tests/tidy/"))
    {
        let text = read(name)?;
        let inline_tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        let from = if is_test_code(name) {
            0
        } else {
            text[..inline_tests].lines().count()
        };
        for (number, line) in text.lines().enumerate().skip(from) {
            if line.contains("thread::sleep(") || line.contains("time::sleep(") {
                sleepers.push(format!("{name}:{}", number + 1));
            }
        }
    }
    assert!(
        sleepers.is_empty(),
        "wait for a state instead:\n{}",
        sleepers.join("\n")
    );
    Ok(())
}

#[test]
fn tasks_are_spawned_in_one_file_per_crate() -> Result<()> {
    let mut loose = Vec::new();
    for name in rust_files()?.iter().filter(|name| !is_test_code(name)) {
        if name.ends_with("/tasks.rs") || name.starts_with("tests/") {
            continue;
        }
        let text = read(name)?;
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(&text);
        if code.contains("tokio::spawn(") || code.contains("task::spawn(") {
            loose.push(name.clone());
        }
    }
    assert!(
        loose.is_empty(),
        "spawn in the crate's tasks.rs:\n{}",
        loose.join("\n")
    );
    Ok(())
}
