//! Gives a failing target a rest. Pure: time comes in, nothing runs by itself.
//!
//! Closed → (failures) → open → (rest over) → half open with one probe, then three → closed.
//! Probes are real calls. Each rest without recovery is twice as long as the one before.

use crate::config::BreakerConfig;
use std::collections::VecDeque;

/// Most outcomes remembered in the window.
const OUTCOMES_MAX: usize = 256;
/// Probes that must succeed one by one, and then together, before it closes.
const PROBES: [u32; 2] = [1, 3];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until_ms: u64,
    },
    /// `stage` indexes [`PROBES`].
    HalfOpen {
        stage: usize,
        under_way: u32,
        succeeded: u32,
    },
}

/// The breaker of one provider and model.
#[derive(Debug)]
pub(crate) struct Breaker {
    config: BreakerConfig,
    state: State,
    /// Time and success of recent calls, oldest first.
    outcomes: VecDeque<(u64, bool)>,
    failures_in_row: u32,
    /// Rests taken without recovery between them.
    rests: u32,
    /// Differs between targets, so that rests do not end all at once.
    seed: u64,
}

impl Breaker {
    pub(crate) const fn new(config: BreakerConfig, seed: u64) -> Self {
        Self {
            config,
            state: State::Closed,
            outcomes: VecDeque::new(),
            failures_in_row: 0,
            rests: 0,
            seed,
        }
    }

    /// How long until a call may be made; 0 is now. Takes nothing.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> u64 {
        match self.state {
            State::Closed => 0,
            State::Open { until_ms } => until_ms.saturating_sub(now_ms),
            State::HalfOpen {
                stage,
                under_way,
                succeeded,
            } => {
                // a probe ends sooner or later: ask again soon
                if under_way + succeeded < probes(stage) {
                    0
                } else {
                    PROBE_WAIT_MS
                }
            }
        }
    }

    /// Begins a call. Every begin is followed by exactly one of [`Self::succeeded`],
    /// [`Self::failed`] or [`Self::abandoned`].
    pub(crate) fn begin(&mut self, now_ms: u64) -> bool {
        if self.wait_ms(now_ms) > 0 {
            return false;
        }
        match &mut self.state {
            State::Closed => {}
            State::Open { .. } => {
                self.state = State::HalfOpen {
                    stage: 0,
                    under_way: 1,
                    succeeded: 0,
                };
            }
            State::HalfOpen { under_way, .. } => *under_way += 1,
        }
        true
    }

    pub(crate) fn succeeded(&mut self, now_ms: u64) {
        self.failures_in_row = 0;
        self.remember(now_ms, true);
        if let State::HalfOpen {
            stage,
            under_way,
            succeeded,
        } = self.state
        {
            let succeeded = succeeded + 1;
            let under_way = under_way.saturating_sub(1);
            self.state = if succeeded < probes(stage) {
                State::HalfOpen {
                    stage,
                    under_way,
                    succeeded,
                }
            } else if stage + 1 < PROBES.len() {
                State::HalfOpen {
                    stage: stage + 1,
                    under_way: 0,
                    succeeded: 0,
                }
            } else {
                self.rests = 0;
                self.outcomes.clear();
                State::Closed
            };
        }
    }

    pub(crate) fn failed(&mut self, now_ms: u64) {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.remember(now_ms, false);
        match self.state {
            State::HalfOpen { .. } => self.open(now_ms),
            State::Closed if self.is_failing(now_ms) => self.open(now_ms),
            // a call begun before it opened says nothing new
            State::Closed | State::Open { .. } => {}
        }
    }

    /// The call ended without saying anything of the target: cancelled, refused, paused.
    pub(crate) fn abandoned(&mut self) {
        if let State::HalfOpen { under_way, .. } = &mut self.state {
            *under_way = under_way.saturating_sub(1);
        }
    }

    fn is_failing(&self, now_ms: u64) -> bool {
        if self.failures_in_row >= self.config.consecutive_failures {
            return true;
        }
        let since = now_ms.saturating_sub(self.config.window_ms);
        let recent = self.outcomes.iter().filter(|(at_ms, _)| *at_ms >= since);
        let (calls, failures) = recent.fold((0_u32, 0_u32), |(calls, failures), (_, ok)| {
            (calls + 1, failures + u32::from(!ok))
        });
        calls >= self.config.window_calls_min
            && failures * 100 >= calls * self.config.failure_percent
    }

    fn open(&mut self, now_ms: u64) {
        let doubled = self.config.rest_ms.saturating_mul(1 << self.rests.min(20));
        let rest_ms = doubled.min(self.config.rest_max_ms);
        let jitter_ms = scatter(self.seed ^ u64::from(self.rests)) % (rest_ms / 10 + 1);
        self.rests = self.rests.saturating_add(1);
        self.failures_in_row = 0;
        self.state = State::Open {
            until_ms: now_ms.saturating_add(rest_ms + jitter_ms),
        };
    }

    fn remember(&mut self, now_ms: u64, ok: bool) {
        if self.outcomes.len() == OUTCOMES_MAX {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((now_ms, ok));
    }
}

/// When to look again while all probes of a stage are under way.
const PROBE_WAIT_MS: u64 = 250;

const fn probes(stage: usize) -> u32 {
    if stage == 0 { PROBES[0] } else { PROBES[1] }
}

/// Spreads a number over all bits (SplitMix64's finaliser): jitter without randomness.
pub(crate) const fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
