//! A token bucket for requests to one provider. Pure: time comes in.

/// Thousandths of a request, so that slow rates refill exactly.
const UNIT: u64 = 1_000;
const MINUTE_MS: u64 = 60_000;

/// Lets `per_minute` requests through per minute, and as many at once after a quiet minute.
/// In any window of w minutes at most `per_minute · (1 + w)` pass.
#[derive(Debug)]
pub(crate) struct Pace {
    per_minute: u64,
    /// Thousandths of requests left, times [`MINUTE_MS`] to keep the remainder.
    level: u64,
    at_ms: u64,
}

impl Pace {
    pub(crate) fn new(per_minute: u32) -> Self {
        let per_minute = u64::from(per_minute.max(1));
        Self {
            per_minute,
            level: Self::full(per_minute),
            at_ms: 0,
        }
    }

    const fn full(per_minute: u64) -> u64 {
        per_minute * UNIT * MINUTE_MS
    }

    /// How long until a request may be sent; 0 is now. Takes nothing.
    pub(crate) fn wait_ms(&mut self, now_ms: u64) -> u64 {
        self.refill(now_ms);
        let missing = (UNIT * MINUTE_MS).saturating_sub(self.level);
        missing.div_ceil(self.per_minute * UNIT)
    }

    /// Takes one request if there is one.
    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        self.refill(now_ms);
        let left = self.level.checked_sub(UNIT * MINUTE_MS);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }

    fn refill(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.at_ms).min(MINUTE_MS);
        self.at_ms = self.at_ms.max(now_ms);
        let grown = self.level + passed * self.per_minute * UNIT;
        self.level = grown.min(Self::full(self.per_minute));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_one_at_a_time() {
        let mut pace = Pace::new(60);
        assert!((0..60).all(|_| pace.take(0)));
        assert!(!pace.take(0));
        assert_eq!(pace.wait_ms(0), 1_000);
        assert_eq!(pace.wait_ms(400), 600);
        assert!(!pace.take(999));
        assert!(pace.take(1_000));
        assert!(!pace.take(1_000));
    }

    #[test]
    fn never_more_than_a_burst_and_the_rate() {
        let mut pace = Pace::new(7);
        let passed = (0..600_000)
            .step_by(10)
            .filter(|&now| pace.take(now))
            .count();
        assert!((70..=77).contains(&passed), "{passed} in ten minutes");
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_gives_nothing() {
        let mut pace = Pace::new(1);
        assert!(pace.take(50_000));
        assert!(!pace.take(10));
        assert!(!pace.take(100_000));
        assert!(pace.take(110_000));
    }
}
