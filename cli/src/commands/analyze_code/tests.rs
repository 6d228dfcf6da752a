//! Good and bad paths, and the report of a small project.

use super::*;
use crate::theme::Theme;
use std::fs;
use std::path::Path;

const CART: &str = r#"defmodule Shop.Cart do
  @moduledoc "What a customer is about to buy."

  @doc "Adds one item."
  @spec add(list(), term()) :: list()
  def add(items, item), do: [item | items]

  def key(text), do: String.to_atom(text)
end
"#;

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(dir.path().join("lib")).expect("directories");
    fs::create_dir_all(dir.path().join("deps/a")).expect("directories");
    fs::write(dir.path().join("lib/cart.ex"), CART).expect("a file");
    fs::write(dir.path().join("deps/a/a.ex"), CART).expect("a file");
    dir
}

#[test]
fn a_project_is_reported_for_people() {
    let dir = project();
    let sources = Sources::read(Path::new("."), dir.path()).expect("sources");
    let (report, broken) = analyse(&sources, 2, false);
    assert!(!broken);
    insta::assert_snapshot!("report", text::whole(&report, Theme::default()));
}

#[test]
fn stats_compare_with_parsing() {
    let dir = project();
    let sources = Sources::read(Path::new("lib/cart.ex"), dir.path()).expect("sources");
    let (report, _) = analyse(&sources, 1, true);
    let stats = report.stats.expect("stats");
    assert!(stats.ratio > 0.0 && stats.ratio.is_finite(), "{stats:?}");
}

#[test]
fn a_broken_file_is_still_read() {
    let dir = project();
    fs::write(
        dir.path().join("lib/broken.ex"),
        "defmodule Broken do\n  def a(, do: 1\n\n  def b, do: 2\nend\n",
    )
    .expect("a file");
    let sources = Sources::read(Path::new("lib/broken.ex"), dir.path()).expect("sources");
    assert!(sources.is_single);
    let (report, broken) = analyse(&sources, 1, false);
    assert!(broken);
    assert!(report.totals.chunks > 0, "{:?}", report.totals);
}

#[test]
fn bad_paths_have_their_message_and_exit_code() {
    let dir = project();
    let top = dir.path();
    fs::write(top.join("bin.ex"), b"a\0b").expect("a file");
    fs::write(top.join("latin.ex"), b"caf\xe9").expect("a file");
    fs::create_dir(top.join("empty")).expect("a directory");
    fs::File::create(top.join("large.ex"))
        .expect("a file")
        .set_len(100 << 20)
        .expect("sparse");
    for (path, exit, needle) in [
        ("absent", 1, "cannot read absent"),
        ("bin.ex", 1, "binary"),
        ("latin.ex", 1, "not UTF-8 (byte 3)"),
        ("large.ex", 4, "the limit is"),
        ("empty", 1, "no Elixir file"),
    ] {
        let error = Sources::read(Path::new(path), top).expect_err(path);
        assert!(error.to_string().contains(needle), "{path}: {error}");
        assert_eq!(error.exit().code(), exit, "{path}");
        assert!(!error.hint().is_empty(), "{path}");
    }
    let sources = Sources::read(Path::new("."), top).expect("the rest is read");
    assert_eq!(sources.files.keys().collect::<Vec<_>>(), ["lib/cart.ex"]);
    assert_eq!(sources.skipped.len(), 3, "{:?}", sources.skipped);
}

#[test]
fn results_keep_their_order_whatever_the_threads() {
    let items: Vec<usize> = (0..1_000).collect();
    for threads in [1, 2, 7] {
        assert_eq!(
            in_parallel(&items, threads, |item| item * 2),
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
    }
    assert!(in_parallel(&[] as &[u8], 4, |item| *item).is_empty());
}
