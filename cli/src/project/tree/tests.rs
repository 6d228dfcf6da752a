//! What is sent, what is left out, and what is read again.

use super::*;
use std::path::PathBuf;

const LATER_NS: i64 = i64::MAX / 2;

struct Place {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

fn project(files: &[(&str, &[u8])]) -> Place {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().canonicalize().expect("a real path");
    let place = Place { _dir: dir, root };
    for (path, content) in files {
        place.write(path, content);
    }
    place
}

impl Place {
    fn write(&self, path: &str, content: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, content).expect("a file");
    }

    fn walk(&self, exclude: &[&str], known: &Hashes) -> Tree {
        let exclude: Vec<String> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        Tree::walk(&self.root, &exclude, known, LATER_NS).expect("a tree")
    }
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn sources_and_documents_are_found_and_nothing_else() {
    let place = project(&[
        ("mix.exs", b"x"),
        (".formatter.exs", b"x"),
        ("README.md", b"x"),
        ("CHANGELOG.md", b"x"),
        ("docs/a.md", b"x"),
        ("lib/shop/notes.md", b"x"),
        ("lib/shop/README.md", b"x"),
        ("lib/shop.ex", b"x"),
        ("lib/page.html.heex", b"x"),
        ("test/shop_test.exs", b"x"),
        ("deps/jason/lib/jason.ex", b"x"),
        ("_build/dev/a.ex", b"x"),
        (".git/a.ex", b"x"),
        ("assets/app.js", b"x"),
        ("secret/a.ex", b"x"),
        ("priv/big.ex", b"x"),
        (".gitignore", b"secret/\n"),
    ]);
    let tree = place.walk(&["priv/**"], &Hashes::default());
    assert_eq!(
        paths(&tree),
        [
            ".formatter.exs",
            "CHANGELOG.md",
            "README.md",
            "docs/a.md",
            "lib/page.html.heex",
            "lib/shop.ex",
            "lib/shop/README.md",
            "mix.exs",
            "test/shop_test.exs",
        ]
    );
    assert!(tree.skipped.is_empty(), "{:?}", tree.skipped);
}

#[test]
fn hashes_are_blake3_and_only_changed_files_are_read_again() {
    let place = project(&[("lib/a.ex", b"one"), ("lib/b.ex", b"two")]);
    let first = place.walk(&[], &Hashes::default());
    assert_eq!(first.files[0].hash, *blake3::hash(b"one").as_bytes());
    // A wrong hash in memory shows that an unchanged file is not read.
    let mut known = first.hashes;
    let lie = "00".repeat(32);
    known.0.get_mut("lib/a.ex").expect("remembered").hash = lie;
    place.write("lib/b.ex", b"three");
    let second = place.walk(&[], &known);
    assert_eq!(second.files[0].hash, [0; 32]);
    assert_eq!(second.files[1].hash, *blake3::hash(b"three").as_bytes());
}

#[test]
fn a_file_that_just_changed_is_not_remembered() {
    let place = project(&[("lib/a.ex", b"one")]);
    let tree = Tree::walk(&place.root, &[], &Hashes::default(), 0).expect("a tree");
    assert_eq!(tree.files.len(), 1);
    assert_eq!(tree.hashes, Hashes::default());
}

#[test]
fn large_binary_and_linked_files_are_left_out_with_a_reason() {
    let place = project(&[
        ("lib/bin.ex", b"a\0b"),
        ("lib/latin.ex", b"caf\xe9"),
        ("lib/ok.ex", b"ok"),
    ]);
    let large = File::create(place.root.join("lib/large.ex")).expect("a file");
    large.set_len(FILE_BYTES_MAX + 1).expect("a sparse file");
    std::os::unix::fs::symlink("/etc/hostname", place.root.join("lib/link.ex")).expect("a link");
    let tree = place.walk(&[], &Hashes::default());
    assert_eq!(paths(&tree), ["lib/ok.ex"]);
    let mut skipped: Vec<&str> = tree
        .skipped
        .iter()
        .map(|skipped| skipped.path.as_str())
        .collect();
    skipped.sort_unstable();
    assert_eq!(skipped, ["lib/bin.ex", "lib/large.ex", "lib/latin.ex"]);
}

#[test]
fn a_bad_glob_is_named() {
    let place = project(&[]);
    let error =
        Tree::walk(&place.root, &["a[".to_owned()], &Hashes::default(), 0).expect_err("no glob");
    assert!(error.to_string().contains("a["), "{error}");
}
