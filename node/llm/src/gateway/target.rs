//! One provider and model, with everything that can make it wait: breaker, pause, pace.

use crate::breaker::{Breaker, scatter};
use crate::config::BreakerConfig;
use crate::pace::Pace;
use crate::provider::Provider;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The pace of a provider, shared by its models.
pub(super) struct ProviderPace(Option<Mutex<Pace>>);

impl ProviderPace {
    pub(super) fn new(requests_per_minute: Option<u32>) -> Self {
        Self(requests_per_minute.map(|rate| Mutex::new(Pace::new(rate))))
    }

    fn wait_ms(&self, now_ms: u64) -> u64 {
        self.0.as_ref().map_or(0, |pace| lock(pace).wait_ms(now_ms))
    }

    fn take(&self, now_ms: u64) -> bool {
        self.0.as_ref().is_none_or(|pace| lock(pace).take(now_ms))
    }
}

/// Why a target has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rest {
    /// A rate limit, ours or the provider's.
    Limited,
    /// Failures.
    Failing,
}

/// Where a route can be answered.
pub(super) struct Target {
    /// `provider/model`.
    pub(super) name: String,
    pub(super) model: String,
    pub(super) provider: Arc<dyn Provider>,
    pace: Arc<ProviderPace>,
    health: Mutex<Health>,
}

struct Health {
    breaker: Breaker,
    /// The provider asked for silence until then; only ever moves later.
    paused_until_ms: u64,
}

impl Target {
    pub(super) fn new(
        name: String,
        model: String,
        provider: Arc<dyn Provider>,
        pace: Arc<ProviderPace>,
        config: BreakerConfig,
    ) -> Self {
        let seed = name
            .bytes()
            .fold(0, |seed, byte| scatter(seed ^ u64::from(byte)));
        let health = Health {
            breaker: Breaker::new(config, seed),
            paused_until_ms: 0,
        };
        Self {
            name,
            model,
            provider,
            pace,
            health: Mutex::new(health),
        }
    }

    /// How long until this target may be asked, and why; 0 is now.
    pub(super) fn wait(&self, now_ms: u64) -> (u64, Rest) {
        let health = lock(&self.health);
        let paused_ms = health.paused_until_ms.saturating_sub(now_ms);
        let limited_ms = paused_ms.max(self.pace.wait_ms(now_ms));
        let failing_ms = health.breaker.wait_ms(now_ms);
        match failing_ms > limited_ms {
            true => (failing_ms, Rest::Failing),
            false => (limited_ms, Rest::Limited),
        }
    }

    /// Begins an attempt, or gives `None` when another one was quicker to take the last place.
    pub(super) fn begin(self: &Arc<Self>, now_ms: u64) -> Option<Ticket> {
        let mut health = lock(&self.health);
        if health.paused_until_ms > now_ms || !health.breaker.begin(now_ms) {
            return None;
        }
        if !self.pace.take(now_ms) {
            health.breaker.abandoned();
            return None;
        }
        Some(Ticket {
            target: Arc::clone(self),
            open: true,
        })
    }

    /// Asks for silence; a longer one that already holds stays.
    pub(super) fn pause(&self, until_ms: u64) {
        let mut health = lock(&self.health);
        health.paused_until_ms = health.paused_until_ms.max(until_ms);
    }
}

/// One attempt under way. Ends exactly once; dropped without an end it counts as abandoned.
pub(super) struct Ticket {
    target: Arc<Target>,
    open: bool,
}

impl Ticket {
    pub(super) fn name(&self) -> &str {
        &self.target.name
    }

    pub(super) fn succeeded(mut self, now_ms: u64) {
        self.open = false;
        lock(&self.target.health).breaker.succeeded(now_ms);
    }

    pub(super) fn failed(mut self, now_ms: u64) {
        self.open = false;
        lock(&self.target.health).breaker.failed(now_ms);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            lock(&self.target.health).breaker.abandoned();
        }
    }
}

/// State behind these locks is whole between any two calls, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
