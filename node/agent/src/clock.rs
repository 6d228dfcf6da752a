//! The agent's only look at the time of day, and at how long something takes.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time; injected so that tests choose it.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970.
    fn now_unix_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_unix_ms(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A point in time that durations are measured from. Tests pause it.
pub(crate) type Moment = tokio::time::Instant;

/// This moment.
pub(crate) fn now() -> Moment {
    Moment::now()
}
