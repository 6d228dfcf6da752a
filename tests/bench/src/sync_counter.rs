//! Counts the syncs of the log, as the log itself reports them in its metrics.

use aiex_coordinator::metrics::LOG_FSYNC_SECONDS;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many syncs were reported since the start.
#[derive(Debug, Default)]
pub(crate) struct SyncCounter(AtomicU64);

impl SyncCounter {
    /// Makes this the process's recorder of metrics; may be done once.
    pub(crate) fn install() -> anyhow::Result<Arc<Self>> {
        let counter = Arc::new(Self::default());
        metrics::set_global_recorder(OnlySyncs(Arc::clone(&counter)))
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(counter)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl HistogramFn for SyncCounter {
    fn record(&self, _seconds: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Listens to one histogram and drops everything else.
struct OnlySyncs(Arc<SyncCounter>);

impl Recorder for OnlySyncs {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match key.name() {
            LOG_FSYNC_SECONDS => Histogram::from_arc(Arc::clone(&self.0)),
            _ => Histogram::noop(),
        }
    }
}
