//! The two jobs that run beside requests: metrics upkeep, and the last flush of traces.

use crate::prometheus::MetricsText;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// Task "metrics upkeep": owned by the guard, ends when this is stopped or dropped.
pub(crate) struct Upkeep {
    // dropping the sender ends the task too
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Upkeep {
    pub(crate) fn start(runtime: &Handle, metrics: MetricsText) -> Self {
        let (stop, mut stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let mut period = tokio::time::interval(UPKEEP_PERIOD);
            loop {
                tokio::select! {
                    _ = period.tick() => metrics.run_upkeep(),
                    _ = &mut stopped => return,
                }
            }
        });
        Self {
            stop: Some(stop),
            task,
        }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take();
        // an aborted or panicked upkeep has nothing left to end
        let _ = self.task.await;
    }
}

/// Task "last trace flush": blocking, because the exporter's shutdown blocks; ends by `limit`.
/// Returns false when spans were left behind.
pub(crate) async fn flush_traces(provider: SdkTracerProvider, limit: Duration) -> bool {
    let flush = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit));
    matches!(tokio::time::timeout(limit, flush).await, Ok(Ok(Ok(()))))
}
