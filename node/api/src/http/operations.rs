//! The operations port: liveness, readiness, start-up, metrics. No session data passes here.

use crate::rooms::{Life, Readiness};
use aiex_telemetry::MetricsText;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

/// Routes of the operations port.
pub(crate) fn router(readiness: Readiness, metrics: MetricsText) -> Router {
    let scrape = move || {
        let text = metrics.render();
        async move { text }
    };
    Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/startupz", get(started))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(readiness)
}

async fn started(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    match readiness.get() {
        Life::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Life::Ready | Life::Draining => (StatusCode::OK, "started\n"),
    }
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    match readiness.get() {
        Life::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Life::Ready => (StatusCode::OK, "ready\n"),
        Life::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}
