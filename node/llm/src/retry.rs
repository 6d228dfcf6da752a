//! Whether to try again, where, and after how long. Pure: time and seeds come in.

use crate::breaker::scatter;
use crate::config::RetryConfig;
use crate::error::{Error, ErrorKind};

/// Thousandths of a retry, so that shares of a percent add up exactly.
const UNIT: u64 = 1_000;
/// How long a target rests after it refused the key or the account.
const QUARANTINE_MS: u64 = 60_000;
/// How long a target rests after a rate limit that named no time.
const PAUSE_MS: u64 = 1_000;

/// What a failure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same request fails everywhere: tell the caller.
    GiveUp,
    /// This target cannot do it, another may. Says nothing of the target's health.
    Elsewhere,
    /// The target's key or account is refused: leave it alone, go elsewhere.
    Quarantine { for_ms: u64 },
    /// The target asks for a pause; not a failure.
    Pause { for_ms: u64 },
    /// The target failed; after a backoff it may be asked again.
    Failed,
}

/// Decides by the kind alone.
pub(crate) fn verdict(error: &Error) -> Verdict {
    match error.kind {
        ErrorKind::Auth | ErrorKind::Quota => Verdict::Quarantine {
            for_ms: QUARANTINE_MS,
        },
        ErrorKind::RateLimited { retry_after_ms } => Verdict::Pause {
            for_ms: retry_after_ms.unwrap_or(PAUSE_MS),
        },
        ErrorKind::Unsupported | ErrorKind::Limit { .. } => Verdict::Elsewhere,
        _ if error.retryable() => Verdict::Failed,
        _ => Verdict::GiveUp,
    }
}

/// How long to leave a target after its `failures`-th failure in this call: doubling, with up to
/// a quarter taken off by the seed, never less than what the target asked for.
pub(crate) fn backoff_ms(
    config: &RetryConfig,
    failures: u32,
    seed: u64,
    asked_ms: Option<u64>,
) -> u64 {
    let doubled = config
        .backoff_start_ms
        .saturating_mul(1 << failures.saturating_sub(1).min(20));
    let full = doubled.min(config.backoff_max_ms);
    let jitter = scatter(seed ^ u64::from(failures)) % (full / 4 + 1);
    (full - jitter).max(asked_ms.unwrap_or_default())
}

/// Retries of the whole node as a share of its calls, so that a failing provider is not buried.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    percent: u64,
    level: u64,
    most: u64,
}

impl RetryBudget {
    pub(crate) fn new(config: &RetryConfig) -> Self {
        let most = u64::from(config.budget_burst) * UNIT;
        Self {
            percent: u64::from(config.budget_percent),
            level: most,
            most,
        }
    }

    /// A call began: it pays in its share.
    pub(crate) fn deposit(&mut self) {
        self.level = (self.level + self.percent * UNIT / 100).min(self.most);
    }

    /// Takes one retry if the budget has it.
    pub(crate) fn withdraw(&mut self) -> bool {
        let left = self.level.checked_sub(UNIT);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Stage;

    #[test]
    fn verdicts() {
        let cases = [
            (ErrorKind::BadRequest, Verdict::GiveUp),
            (ErrorKind::ContextTooLong, Verdict::GiveUp),
            (ErrorKind::Unknown { status: 302 }, Verdict::GiveUp),
            (ErrorKind::Offline, Verdict::GiveUp),
            (ErrorKind::Unsupported, Verdict::Elsewhere),
            (
                ErrorKind::Auth,
                Verdict::Quarantine {
                    for_ms: QUARANTINE_MS,
                },
            ),
            (
                ErrorKind::Quota,
                Verdict::Quarantine {
                    for_ms: QUARANTINE_MS,
                },
            ),
            (
                ErrorKind::RateLimited {
                    retry_after_ms: Some(5),
                },
                Verdict::Pause { for_ms: 5 },
            ),
            (
                ErrorKind::RateLimited {
                    retry_after_ms: None,
                },
                Verdict::Pause { for_ms: PAUSE_MS },
            ),
            (ErrorKind::Server, Verdict::Failed),
            (
                ErrorKind::Overloaded {
                    retry_after_ms: None,
                },
                Verdict::Failed,
            ),
            (ErrorKind::Cut, Verdict::Failed),
            (ErrorKind::Malformed, Verdict::Failed),
            (
                ErrorKind::Timeout {
                    stage: Stage::Silence,
                },
                Verdict::Failed,
            ),
        ];
        for (kind, expected) in cases {
            assert_eq!(
                verdict(&Error::new(kind.clone(), "x")),
                expected,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn backoff_doubles_within_its_limits() {
        let config = RetryConfig::default();
        for (failures, full) in [
            (1, 500),
            (2, 1_000),
            (3, 2_000),
            (10, 8_000),
            (u32::MAX, 8_000),
        ] {
            for seed in 0..200 {
                let wait = backoff_ms(&config, failures, seed, None);
                assert!(
                    (full - full / 4..=full).contains(&wait),
                    "{failures} {seed} {wait}"
                );
            }
        }
        assert_eq!(backoff_ms(&config, 1, 1, Some(60_000)), 60_000);
    }

    #[test]
    fn a_tenth_of_the_calls_may_be_retried() {
        let mut budget = RetryBudget::new(&RetryConfig::default());
        let at_once = (0..100).filter(|_| budget.withdraw()).count();
        assert_eq!(at_once, 20);
        let retried = (0..1_000)
            .filter(|_| {
                budget.deposit();
                budget.withdraw()
            })
            .count();
        assert_eq!(retried, 100);
    }
}
