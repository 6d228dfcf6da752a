//! The generation of a node: a number that is higher at every start, kept in a file.
//!
//! Peers tell a restarted process from the one before by it, so it must grow even when the clock jumps back: it is
//! `max(now, last + 1)` in milliseconds. A damaged file counts as absent; when the clock stood back as well, peers
//! still know the higher number, and the service begins again above it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use crate::Error;

/// Highest generation that is believed, from a file or from a peer: the year 287,396.
pub(crate) const MAX_GENERATION: u64 = 1 << 53;

/// A generation that is on the disk and was never used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) generation: u64,
    /// The file was there and not readable as one of ours.
    pub(crate) damaged: bool,
}

/// Claims the next generation above `floor` and makes it durable before it returns. Blocking.
pub(crate) fn claim(path: &Path, now_unix_ms: u64, floor: u64) -> Result<Claimed, Error> {
    let failed = |source| Error::Generation {
        path: path.to_path_buf(),
        source,
    };
    let (last, damaged) = match fs::read(path) {
        Ok(bytes) => parse(&bytes).map_or((0, true), |last| (last, false)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => (0, false),
        Err(e) => return Err(failed(e)),
    };
    let generation = last.max(floor).saturating_add(1).max(now_unix_ms);
    if generation > MAX_GENERATION {
        return Err(failed(io::Error::other(
            "the clock or the file is thousands of years ahead",
        )));
    }
    write_durably(path, &render(generation)).map_err(failed)?;
    Ok(Claimed {
        generation,
        damaged,
    })
}

fn render(generation: u64) -> String {
    let line = format!("generation = {generation}\n");
    let crc = crc32c::crc32c(line.as_bytes());
    format!("{line}crc32c = {crc:08x}\n")
}

fn parse(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let generation = text
        .lines()
        .next()?
        .strip_prefix("generation = ")?
        .parse()
        .ok()?;
    // Rendering covers the checksum and every other byte.
    (generation <= MAX_GENERATION && render(generation) == text).then_some(generation)
}

fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // The rename is durable only once its directory is.
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(path: &Path, now: u64) -> Claimed {
        claim(path, now, 0).unwrap()
    }

    #[test]
    fn it_follows_the_clock_and_never_goes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("GENERATION");
        let cases = [
            (1_000, 1_000),
            (1_000, 1_001),
            (5, 1_002),
            (0, 1_003),
            (9_000, 9_000),
        ];
        for (now, want) in cases {
            assert_eq!(claimed(&path, now).generation, want, "now {now}");
        }
    }

    #[test]
    fn a_damaged_file_is_told_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("GENERATION");
        let whole = render(77_000);
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let got = claimed(&path, 5_000);
            assert!(got.damaged, "{cut} bytes of the file");
            assert_eq!(got.generation, 5_000);
        }
        for flipped in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[flipped] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(
                claimed(&path, 5_000).damaged,
                "bit flipped in byte {flipped}"
            );
        }
        let after = claimed(&path, 0);
        assert_eq!((after.generation, after.damaged), (5_001, false));
    }

    #[test]
    fn a_floor_from_the_peers_is_exceeded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("GENERATION");
        assert_eq!(claim(&path, 10, 50_000).unwrap().generation, 50_001);
        assert_eq!(claim(&path, 10, 0).unwrap().generation, 50_002);
    }

    #[test]
    fn what_cannot_grow_or_be_kept_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("GENERATION");
        assert!(claim(&path, u64::MAX, 0).is_err());
        assert!(claim(&path, 0, MAX_GENERATION).is_err());
        assert!(claim(&path, 0, u64::MAX).is_err());
        assert!(!path.exists());
        assert!(claim(&directory.path().join("absent/GENERATION"), 1, 0).is_err());
        assert!(claim(directory.path(), 1, 0).is_err());
    }

    #[test]
    fn a_crash_between_write_and_rename_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("GENERATION");
        claimed(&path, 500);
        fs::write(path.with_extension("new"), "generation = 9").unwrap();
        assert_eq!(claimed(&path, 0).generation, 501);
    }
}
