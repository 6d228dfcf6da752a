//! Opening data directories: fresh, again, locked, foreign, damaged.

use std::os::unix::fs::symlink;

use super::*;

fn marker() -> Marker {
    Marker {
        cluster_uuid: *b"0123456789abcdef",
        node_id: 1,
        storage_epoch: 1,
    }
}

fn open(path: &Path) -> Result<DataDir, Error> {
    DataDir::open(path, marker, EngineLimits::default())
}

#[test]
fn a_fresh_directory_keeps_its_first_marker() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/data");
    assert_eq!(open(&path).unwrap().marker, marker());
    let again = DataDir::open(
        &path,
        || unreachable!("it has one"),
        EngineLimits::default(),
    )
    .unwrap();
    assert_eq!(again.marker, marker());
}

#[test]
fn two_holders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path()).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(held);
    open(dir.path()).unwrap();
}

#[test]
fn other_formats_and_foreign_directories_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("holiday.jpg"), b"x").unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(
        matches!(&error, Error::Format { found, .. } if found.contains("holiday.jpg")),
        "{error}"
    );
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "a foreign directory was written to"
    );

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("NODE"), "format = 9\n").unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(
        matches!(&error, Error::Format { found, .. } if found == "format 9"),
        "{error}"
    );
}

#[test]
fn every_flipped_bit_of_the_marker_is_found() {
    let dir = tempfile::tempdir().unwrap();
    marker().write(dir.path()).unwrap();
    let sound = fs::read(dir.path().join("NODE")).unwrap();
    for bit in 0..sound.len() * 8 {
        let mut flipped = sound.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(dir.path().join("NODE"), flipped).unwrap();
        assert!(
            matches!(Marker::read(dir.path()), Err(Error::Format { .. })),
            "bit {bit}"
        );
    }
}

#[test]
fn a_log_without_marker_or_a_marker_without_log_is_quarantined() {
    use crate::log::{GroupId, LogStore, Vote};
    let dir = tempfile::tempdir().unwrap();
    let data = open(dir.path()).unwrap();
    data.log.save_vote(
        GroupId(1),
        Vote {
            term: 1,
            node: 1,
            committed: false,
        },
        Box::new(|r| r.unwrap()),
    );
    data.log.close().unwrap();
    drop(data);
    fs::rename(dir.path().join("NODE"), dir.path().join("NODE.new")).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(
        matches!(&error, Error::Quarantined { reason } if reason.contains("NODE")),
        "{error}"
    );

    fs::rename(dir.path().join("NODE.new"), dir.path().join("NODE")).unwrap();
    fs::remove_dir_all(dir.path().join("log")).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(
        matches!(&error, Error::Quarantined { reason } if reason.contains("missing")),
        "{error}"
    );
}

#[test]
fn a_path_that_is_no_directory_is_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"x").unwrap();
    assert!(open(&file).is_err());
    let dangling = dir.path().join("dangling");
    symlink(dir.path().join("nowhere"), &dangling).unwrap();
    assert!(open(&dangling).is_err());
}
