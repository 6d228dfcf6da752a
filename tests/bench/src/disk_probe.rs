//! What the disk itself can do: one writer that appends 4 KiB and syncs, over and over. Everything that
//! waits for the disk is told as a ratio to this, measured just before.
//!
//! On a virtual machine a sync can take milliseconds longer when all processors sleep while it is under way: the wake-up
//! is what is slow, not the disk. So the probe runs twice, alone and beside a busy thread, and the faster one counts.

use crate::distribution::Distribution;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(1_000);
const BLOCK_BYTES: usize = 4_096;

/// Syncs of one writer.
pub(crate) struct Probed {
    /// The faster of both medians.
    pub(crate) median: Duration,
    /// Syncs a second in the faster run.
    pub(crate) per_second: f64,
    alone: Duration,
    beside: Duration,
}

impl Probed {
    /// Both medians, in words.
    pub(crate) fn words(&self) -> String {
        format!(
            "{:.2} ms beside a busy thread, {:.2} ms alone",
            self.beside.as_secs_f64() * 1e3,
            self.alone.as_secs_f64() * 1e3
        )
    }
}

/// Appends and syncs in a file below `folder` for a moment.
pub(crate) fn run(folder: &Path) -> anyhow::Result<Probed> {
    let path = folder.join("probe");
    let (alone, alone_rate) = syncs(&path)?;
    let (beside, beside_rate) = beside_a_busy_thread(|| syncs(&path))?;
    std::fs::remove_file(&path)?;
    let (median, per_second) = if beside < alone {
        (beside, beside_rate)
    } else {
        (alone, alone_rate)
    };
    Ok(Probed {
        median,
        per_second,
        alone,
        beside,
    })
}

/// Gives the median of a sync, and syncs a second.
fn syncs(path: &Path) -> anyhow::Result<(Duration, f64)> {
    let mut file = File::create(path)?;
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
    Ok((times.median(), per_second))
}

fn beside_a_busy_thread<T>(work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}
