//! How long to wait before trying again: exponential, with jitter, bounded.

use std::time::Duration;
use uuid::Uuid;

/// A bounded exponential backoff with full jitter over its upper half.
///
/// Pure but for [`Backoff::draw`], which draws the jitter; the waiting itself is the caller's.
#[derive(Debug, Clone)]
pub struct Backoff {
    attempt: u32,
    base_ms: u64,
    delay_ms_max: u64,
}

impl Backoff {
    /// Starts at `base_ms`; no delay exceeds `delay_ms_max`.
    pub const fn new(base_ms: u64, delay_ms_max: u64) -> Self {
        Self {
            attempt: 0,
            base_ms,
            delay_ms_max,
        }
    }

    /// Attempts drawn so far.
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }

    /// Draws the next delay.
    pub fn draw(&mut self) -> Duration {
        let delay = self.delay_ms(jitter());
        self.attempt = self.attempt.saturating_add(1);
        Duration::from_millis(delay)
    }

    /// The delay for this attempt, given a random number: between half of the ceiling and the ceiling.
    fn delay_ms(&self, random: u64) -> u64 {
        let ceiling = self
            .base_ms
            .saturating_mul(1_u64.checked_shl(self.attempt.min(32)).unwrap_or(u64::MAX))
            .min(self.delay_ms_max)
            .max(1);
        let half = ceiling / 2;
        half + random % (ceiling - half + 1)
    }
}

/// Sixty-two random bits, from the generator that already names our requests.
fn jitter() -> u64 {
    Uuid::new_v4().as_u64_pair().1 & (u64::MAX >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_stay_in_bounds() {
        let mut backoff = Backoff::new(50, 2_000);
        for attempt in 0..80_u32 {
            let ceiling = (50_u64.saturating_mul(1 << attempt.min(20))).min(2_000);
            for random in [0, 1, 17, u64::MAX] {
                let delay = backoff.delay_ms(random);
                assert!(
                    delay >= ceiling / 2 && delay <= ceiling,
                    "attempt {attempt}: {delay} of {ceiling}"
                );
            }
            assert!(backoff.draw() <= Duration::from_millis(2_000));
        }
        assert_eq!(backoff.attempts(), 80);
    }
}
