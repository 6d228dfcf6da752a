//! The time of day, injected: only a generation needs it. Everything else runs on the runtime's monotonic clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day; tests choose it.
pub trait WallClock: Send + Sync + 'static {
    /// Returns milliseconds since 1970; 0 when the machine's clock stands before it.
    fn now_unix_ms(&self) -> u64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now_unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }
}
