//! Damage to the files of a real log: cut tails, flipped bits. Either all that was acknowledged is there, or the disk is
//! refused; nothing in between.

use std::{fs, path::Path};

use aiex_storage::{Error, LogStore, Vote};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::log_contract::{G, durably, entries, id, open_data};

const ACKNOWLEDGED: u64 = 40;

/// Copies the files of a running store, which is what a killed process leaves.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).unwrap();
        }
    }
}

fn image(dir: &Path) {
    let data = open_data(&dir.join("live")).unwrap();
    durably(|done| {
        data.log.save_vote(
            G,
            Vote {
                term: 1,
                node: 1,
                committed: true,
            },
            done,
        );
    })
    .unwrap();
    for index in 0..ACKNOWLEDGED {
        durably(|done| data.log.append(G, entries(1, index..index + 1), done)).unwrap();
        data.log.save_committed(G, id(1, index));
    }
    copy(&dir.join("live"), &dir.join("image"));
}

fn write_ahead_file(image: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(image.join("log"))
        .unwrap()
        .map(|f| f.unwrap().path());
    let mut logs: Vec<_> = files
        .filter(|p| p.extension().is_some_and(|e| e == "log"))
        .collect();
    logs.sort();
    logs.pop().unwrap()
}

/// Opens a damaged image; `true` if it served, in which case nothing may be missing.
fn served(dir: &Path, what: &str) -> bool {
    match open_data(dir) {
        Ok(data) => {
            let found = data.log.entries(G, 0..u64::MAX, usize::MAX).unwrap();
            assert_eq!(
                found,
                entries(1, 0..ACKNOWLEDGED),
                "{what}: served with acknowledged entries missing"
            );
            assert_eq!(
                data.log.vote(G),
                Some(Vote {
                    term: 1,
                    node: 1,
                    committed: true
                }),
                "{what}"
            );
            true
        }
        Err(Error::Quarantined { .. }) => false,
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn an_untouched_image_serves() {
    let dir = tempfile::tempdir().unwrap();
    image(dir.path());
    assert!(served(&dir.path().join("image"), "untouched"));
}

#[test]
fn a_torn_tail_is_served_only_if_nothing_acknowledged_was_in_it() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    image(dir.path());
    for round in 0..12 {
        let copied = dir.path().join(format!("torn{round}"));
        copy(&dir.path().join("image"), &copied);
        let file = write_ahead_file(&copied);
        let size = fs::metadata(&file).unwrap().len();
        let cut = rng.random_range(0..size);
        fs::OpenOptions::new()
            .write(true)
            .open(&file)
            .unwrap()
            .set_len(cut)
            .unwrap();
        assert!(
            !served(&copied, &format!("cut to {cut} of {size}")),
            "an acknowledged tail was cut to {cut} of {size}"
        );
        assert!(
            !served(&copied, "second start"),
            "a quarantine must outlast a restart"
        );
    }
    // Rubbish behind the last record was never acknowledged.
    let copied = dir.path().join("rubbish");
    copy(&dir.path().join("image"), &copied);
    let file = write_ahead_file(&copied);
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend([0x5a; 100]);
    fs::write(&file, bytes).unwrap();
    assert!(served(&copied, "rubbish at the end"));
}

#[test]
fn a_flipped_bit_anywhere_in_the_log_is_harmless_or_found() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    image(dir.path());
    let mut refused = 0;
    for round in 0..25 {
        let copied = dir.path().join(format!("flip{round}"));
        copy(&dir.path().join("image"), &copied);
        let file = write_ahead_file(&copied);
        let mut bytes = fs::read(&file).unwrap();
        let bit = rng.random_range(0..bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, bytes).unwrap();
        refused += u32::from(!served(&copied, &format!("bit {bit}")));
    }
    assert!(refused >= 20, "only {refused} of 25 flips were noticed");
}

#[test]
fn flipped_bits_in_flushed_files_are_found() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    image(dir.path());
    // Opening once moves the entries from the write-ahead file into sorted files.
    drop(open_data(&dir.path().join("image")).unwrap());
    let sorted = |path: &Path| -> Vec<_> {
        let files = fs::read_dir(path.join("log"))
            .unwrap()
            .map(|f| f.unwrap().path());
        files
            .filter(|p| p.extension().is_some_and(|e| e == "sst"))
            .collect()
    };
    assert!(
        !sorted(&dir.path().join("image")).is_empty(),
        "the test needs sorted files"
    );
    for round in 0..15 {
        let copied = dir.path().join(format!("flip{round}"));
        copy(&dir.path().join("image"), &copied);
        let files = sorted(&copied);
        let file = &files[rng.random_range(0..files.len())];
        let mut bytes = fs::read(file).unwrap();
        let bit = rng.random_range(0..bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(file, bytes).unwrap();
        served(&copied, &format!("bit {bit} of {}", file.display()));
    }
}
