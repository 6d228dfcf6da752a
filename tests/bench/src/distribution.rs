//! Times, and what is said of many of them.

use anyhow::Context as _;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Three digits of every time are kept.
const DIGITS: u8 = 3;
/// Longer times are kept as this: 10 minutes, in nanoseconds.
const LONGEST: u64 = 600_000_000_000;

/// Many times, in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Distribution(Histogram<u64>);

impl Distribution {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let histogram =
            Histogram::new_with_bounds(1, LONGEST, DIGITS).context("make a histogram")?;
        Ok(Self(histogram))
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanos);
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.0.add(&other.0).context("add up times")
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_percentile(percent))
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50.0)
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

/// The middle of a few figures; 0 for none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn percentiles_come_from_all_parts() {
        let mut all = Distribution::new().unwrap();
        let mut part = Distribution::new().unwrap();
        for ms in 1..=50 {
            all.record(Duration::from_millis(ms));
            part.record(Duration::from_millis(ms + 50));
        }
        all.add(&part).unwrap();
        assert_eq!(all.count(), 100);
        assert_eq!(all.median().as_millis(), 50);
        assert_eq!(all.percentile(99.0).as_millis(), 99);
        assert_eq!(all.max().as_millis(), 100);
    }
}
