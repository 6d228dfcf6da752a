//! The metrics recorder, rendered on demand. It has no listener of its own.

use crate::Error;
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

const BUCKETS_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    120.0,
];
const BUCKETS_BYTES: &[f64] = &[
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];
const BUCKETS_TOKENS: &[f64] = &[
    100.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 32_000.0, 64_000.0, 128_000.0,
    256_000.0,
];

/// Renders all metrics in the Prometheus text format. Cheap to clone.
#[derive(Clone)]
pub struct MetricsText {
    handle: PrometheusHandle,
}

impl MetricsText {
    /// Gives the current values, for `GET /metrics`. Takes time in proportion to their number.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Empties the buffers that histograms fill; without it they grow for ever.
    pub(crate) fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Builds a recorder with the label `node` on every value, unless it is empty, and whose histograms have buckets by unit: `_seconds`, `_bytes`, `_tokens`.
pub(crate) fn recorder(node: &str) -> Result<(PrometheusRecorder, MetricsText), Error> {
    let by_unit = [
        ("_seconds", BUCKETS_SECONDS),
        ("_bytes", BUCKETS_BYTES),
        ("_tokens", BUCKETS_TOKENS),
    ];
    let mut builder = PrometheusBuilder::new();
    if !node.is_empty() {
        builder = builder.add_global_label("node", node);
    }
    for (suffix, buckets) in by_unit {
        builder = builder
            .set_buckets_for_metric(Matcher::Suffix(suffix.into()), buckets)
            .map_err(|error| Error::Metrics {
                reason: error.to_string(),
            })?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    Ok((recorder, MetricsText { handle }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_name_has_no_label() {
        let (recorder, text) = recorder("").unwrap();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("aiex_turns_total").increment(1);
        });
        assert!(
            text.render().contains("aiex_turns_total 1"),
            "{}",
            text.render()
        );
    }

    #[test]
    fn values_appear_with_their_node_and_buckets() {
        let (recorder, text) = recorder("n7").unwrap();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("aiex_turns_total", "end" => "done").increment(2);
            metrics::histogram!("aiex_append_seconds").record(0.004);
        });
        text.run_upkeep();
        let rendered = text.render();
        assert!(
            rendered.contains(r#"aiex_turns_total{node="n7",end="done"} 2"#),
            "{rendered}"
        );
        let bucket = r#"aiex_append_seconds_bucket{node="n7",le="0.005"} 1"#;
        assert!(rendered.contains(bucket), "{rendered}");
        let below = r#"aiex_append_seconds_bucket{node="n7",le="0.0025"} 0"#;
        assert!(rendered.contains(below), "{rendered}");
    }
}
