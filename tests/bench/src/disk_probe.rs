//! What the disk itself can do: one writer that appends 4 KiB and syncs, over and over. Everything that
//! waits for the disk is told as a ratio to this, measured just before.

use crate::distribution::Distribution;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(1_500);
const BLOCK_BYTES: usize = 4_096;

/// Syncs of one writer.
pub(crate) struct Probed {
    pub(crate) times: Distribution,
    pub(crate) per_second: f64,
}

/// Appends and syncs in a file below `folder` for a moment.
pub(crate) fn run(folder: &Path) -> anyhow::Result<Probed> {
    let path = folder.join("probe");
    let mut file = File::create(&path)?;
    let block = [0xa5; BLOCK_BYTES];
    let mut times = Distribution::new()?;
    let started = Instant::now();
    while started.elapsed() < WINDOW {
        let one = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.record(one.elapsed());
    }
    let per_second = times.count() as f64 / started.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(Probed { times, per_second })
}
