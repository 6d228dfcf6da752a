//! The store on a real folder: syncs, increments, damage, restarts, search.

use super::*;
use crate::contents::content_hash;

const CART: &str = r#"defmodule Shop.Cart do
  @moduledoc "A shopping cart."
  alias Shop.Tax

  @doc "Adds up the prices of all items, taxes included."
  @spec total(list) :: integer
  def total(items) do
    items |> Enum.map(& &1.price) |> Enum.sum() |> Tax.apply_vat()
  end

  def put(items, item), do: [item | items]
end
"#;

const TAX: &str = r#"defmodule Shop.Tax do
  @moduledoc false

  def apply_vat(amount), do: amount + div(amount * rate(), 100)

  defp rate, do: 19
end
"#;

const TEST: &str = r#"defmodule Shop.CartTest do
  use ExUnit.Case, async: true

  test "total of an empty cart, all prices included" do
    assert Shop.Cart.total([]) == 0
  end
end
"#;

type Files<'a> = [(&'a str, &'a str)];

fn store(dir: &std::path::Path) -> WorkspaceStore {
    WorkspaceStore::open(Config {
        dir: dir.into(),
        ..Config::default()
    })
    .unwrap()
}

fn entries(files: &Files<'_>) -> Vec<ManifestEntry> {
    let entry = |(path, text): &(&str, &str)| ManifestEntry {
        path: (*path).into(),
        hash: content_hash(text.as_bytes()),
        size_bytes: text.len() as u64,
    };
    files.iter().map(entry).collect()
}

fn upload(store: &WorkspaceStore, files: &Files<'_>) -> String {
    let synced = store.sync("shop", &entries(files)).unwrap();
    for (_, text) in files {
        let hash = content_hash(text.as_bytes());
        if synced.missing.contains(&hash) {
            store.put(&hash, text.as_bytes()).unwrap();
        }
    }
    synced.workspace_id
}

fn shop() -> Vec<(&'static str, &'static str)> {
    vec![
        ("lib/shop/cart.ex", CART),
        ("lib/shop/tax.ex", TAX),
        ("test/shop/cart_test.exs", TEST),
        ("README.md", "# Shop\n"),
        ("AGENTS.md", "Use pipes.\n"),
    ]
}

fn titles(index: &ProjectIndex, query: &str) -> Vec<String> {
    index
        .search(query, 5)
        .into_iter()
        .map(|hit| hit.title)
        .collect()
}

#[test]
fn a_synced_project_is_searched_by_words_names_and_calls() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = upload(&store, &shop());
    assert!(
        store
            .sync("shop", &entries(&shop()))
            .unwrap()
            .missing
            .is_empty()
    );
    let index = store.index(&id).unwrap();

    assert_eq!(
        titles(&index, "where are prices added up?")[0],
        "Shop.Cart.total/1"
    );
    assert_eq!(titles(&index, "apply_vat")[0], "Shop.Tax.apply_vat/1");
    assert_eq!(
        titles(&index, "what does Tax.rate/0 return")[0],
        "Shop.Tax.rate/0"
    );
    assert_eq!(titles(&index, "Shop.Cart")[0], "Shop.Cart (header)");
    assert!(titles(&index, "test of the empty cart")[0].contains("test \"total of"));
    // the callee shares no word with the question; it is there for the call
    assert!(titles(&index, "adding prices").contains(&"Shop.Tax.apply_vat/1".to_owned()));
    assert!(titles(&index, "kubernetes").is_empty());
    assert!(titles(&index, "").is_empty());

    let hit = &index.search("prices added up", 1)[0];
    assert_eq!(
        (hit.path.as_str(), hit.span.end_line),
        ("lib/shop/cart.ex", 9)
    );
    let piece = &index.code_pieces(std::slice::from_ref(hit))[0];
    assert!(piece.text.contains("Enum.sum()"), "{}", piece.text);
    assert!(
        piece.signature.contains("@spec total(list) :: integer"),
        "{}",
        piece.signature
    );
    assert!(
        piece.signature.ends_with("def total(items)"),
        "{}",
        piece.signature
    );
    assert_eq!(index.rules().unwrap().1.as_ref(), "Use pipes.\n");
    assert_eq!(index.source("README.md").unwrap().as_ref(), "# Shop\n");
    assert!(index.source("lib/nothing.ex").is_none());
    assert_eq!((index.size().files, index.size().analysed_files), (5, 3));
}

#[test]
fn the_order_of_equal_answers_does_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let first = store.index(&upload(&store, &shop())).unwrap();
    let expected = first.search("total cart price tax vat", 50);
    let other = tempfile::tempdir().unwrap();
    let other = self::store(other.path());
    let mut reversed = shop();
    reversed.reverse();
    let second = other.index(&upload(&other, &reversed)).unwrap();
    assert_eq!(second.workspace_id(), first.workspace_id());
    for _ in 0..20 {
        assert_eq!(second.search("total cart price tax vat", 50), expected);
    }
}

#[test]
fn equal_contents_at_two_paths_are_two_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = upload(&store, &[("a/tax.ex", TAX), ("b/tax.ex", TAX)]);
    let synced = store
        .sync("shop", &entries(&[("a/x.ex", "1"), ("b/x.ex", "1")]))
        .unwrap();
    assert_eq!(synced.missing.len(), 1, "each content is asked for once");
    for index in [
        store.index(&id).unwrap(),
        self::store(folder.path()).index(&id).unwrap(),
    ] {
        let mut paths: Vec<String> = index
            .search("apply_vat", 10)
            .into_iter()
            .map(|hit| hit.path)
            .collect();
        paths.sort();
        paths.dedup();
        assert_eq!(paths, ["a/tax.ex", "b/tax.ex"]);
    }
}

#[test]
fn an_edit_analyses_only_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let before = store.index(&upload(&store, &shop())).unwrap();
    let edited = TAX.replace("19", "7");
    let mut files = shop();
    files[1].1 = &edited;
    let used = store.analyses.folder().used_bytes();
    let after = store.index(&upload(&store, &files)).unwrap();
    assert_ne!(after.workspace_id(), before.workspace_id());
    assert!(after.source("lib/shop/tax.ex").unwrap().contains("do: 7"));
    assert!(
        before.source("lib/shop/tax.ex").unwrap().contains("do: 19"),
        "the old one stands"
    );
    assert!(store.analyses.folder().used_bytes() > used);
    let shared = |index: &ProjectIndex| {
        let file = index.graph().file("lib/shop/cart.ex").unwrap();
        std::ptr::from_ref(file)
    };
    assert_eq!(
        shared(&after),
        shared(&before),
        "the unchanged analysis is the same one"
    );
}

#[test]
fn a_restart_reads_analyses_from_disk_and_survives_damage() {
    let folder = tempfile::tempdir().unwrap();
    let id = upload(&store(folder.path()), &shop());
    let first = store(folder.path());
    let expected = first.index(&id).unwrap().search("total", 10);
    let used = first.usage();
    assert!(used.analysis_disk_bytes > 0 && used.content_disk_bytes > 0);

    let second = store(folder.path());
    assert_eq!(second.usage().analysis_disk_bytes, used.analysis_disk_bytes);
    assert_eq!(second.index(&id).unwrap().search("total", 10), expected);

    // a damaged analysis is made again
    let mut analyses = Vec::new();
    first
        .analyses
        .folder()
        .for_each_file(|path, _| analyses.push(path.to_owned()))
        .unwrap();
    for path in &analyses {
        std::fs::write(path, b"garbage").unwrap();
    }
    assert_eq!(
        store(folder.path()).index(&id).unwrap().search("total", 10),
        expected
    );

    // a damaged content is asked for again
    let hash = content_hash(CART.as_bytes());
    for path in analyses {
        std::fs::remove_file(path).unwrap();
    }
    first
        .texts
        .contents()
        .folder()
        .replace(&hash, b"other")
        .unwrap();
    let healed = store(folder.path());
    match healed.index(&id).map(|_| ()) {
        Err(Error::ContentMissing { count: 1, first }) => assert_eq!(first, "lib/shop/cart.ex"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        healed.sync("shop", &entries(&shop())).unwrap().missing,
        [hash]
    );
    healed.put(&hash, CART.as_bytes()).unwrap();
    assert_eq!(healed.index(&id).unwrap().search("total", 10), expected);
}

#[test]
fn unknown_and_incomplete_workspaces_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let none = "00".repeat(32);
    for id in ["", "x", "../../etc", none.as_str()] {
        assert!(
            matches!(store.index(id), Err(Error::UnknownWorkspace { .. })),
            "{id}"
        );
    }
    let synced = store.sync("shop", &entries(&shop())).unwrap();
    assert_eq!(synced.missing.len(), 5);
    assert!(matches!(
        store.index(&synced.workspace_id),
        Err(Error::ContentMissing { count: 5, .. })
    ));
}

#[test]
fn broken_binary_and_empty_files_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let binary = [0xff, 0xfe, 0x00];
    let hash = content_hash(&binary);
    let files = [
        (
            "lib/a.ex",
            "defmodule A do\n  def open(x), do: \"unclosed\n",
        ),
        ("lib/b.ex", ""),
    ];
    let mut manifest = entries(&files);
    manifest.push(ManifestEntry {
        path: "lib/c.ex".into(),
        hash,
        size_bytes: 3,
    });
    let synced = store.sync("shop", &manifest).unwrap();
    for (_, text) in &files {
        store
            .put(&content_hash(text.as_bytes()), text.as_bytes())
            .unwrap();
    }
    store.put(&hash, &binary).unwrap();
    let index = store.index(&synced.workspace_id).unwrap();
    assert_eq!(titles(&index, "A.open/1")[0], "A.open/1");
    assert!(index.source("lib/c.ex").is_none());
    let empty = store.sync("shop", &[]).unwrap();
    assert!(
        store
            .index(&empty.workspace_id)
            .unwrap()
            .search("x", 5)
            .is_empty()
    );
}

#[test]
fn a_defect_in_one_file_is_contained() {
    assert_eq!(guarded(|| 7), Some(7));
    assert_eq!(guarded(|| -> u8 { panic!("on purpose") }), None);
}

/// Every edit is a new workspace; the newest must be kept, or each look at it would build it again.
#[test]
fn the_newest_indexes_stay_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        dir: folder.path().into(),
        hot_indexes: 2,
        ..Config::default()
    };
    let store = WorkspaceStore::open(config).unwrap();
    for edit in 0..20 {
        let text = format!("defmodule A do\n  def f, do: {edit}\nend\n");
        let id = upload(&store, &[("lib/a.ex", &text)]);
        let first = store.index(&id).unwrap();
        assert!(
            Arc::ptr_eq(&first, &store.index(&id).unwrap()),
            "edit {edit}"
        );
    }
    store.indexes.run_pending_tasks();
    assert_eq!(store.indexes.entry_count(), 2);
}

#[test]
fn many_callers_share_one_build() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = upload(&store, &shop());
    let indexes: Vec<Arc<ProjectIndex>> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| store.index(&id).unwrap()))
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    assert!(indexes.iter().all(|index| Arc::ptr_eq(index, &indexes[0])));
}

#[test]
fn a_sweep_drops_what_only_old_manifests_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let old = upload(&store, &shop());
    store.index(&old).unwrap();
    assert_eq!(store.sweep(1).unwrap(), 0, "all of it is named");
    store.sweep(0).unwrap();
    assert_eq!(store.usage().content_disk_bytes, 0);
    assert_eq!(store.usage().analysis_disk_bytes, 0);
    assert!(matches!(
        store.index(&old),
        Err(Error::UnknownWorkspace { .. })
    ));
    let again = upload(&store, &shop());
    assert_eq!(again, old);
    assert!(store.index(&again).is_ok());
}
