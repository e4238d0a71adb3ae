//! The metrics recorder and `GET /metrics`.

use std::time::Duration;

use aws_event_cache_model::telemetry::Metric;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::state::ApiState;

/// Bounds of the buckets of every duration, in seconds: from one durable commit (a millisecond) over a forced run (a second or two) to a lost event found
/// by a slow poll (half an hour).
const BUCKETS: [f64; 14] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0, 1800.0];

/// How often collected durations are folded into their buckets. Between two scrapes they wait in memory, so this bounds it when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// What `/metrics` shows. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Makes this process's metrics readable here. To be called once, before anything is counted.
    ///
    /// # Errors
    /// [`BuildError`] when a recorder is installed already.
    pub fn install() -> Result<Self, BuildError> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(BuildError::FailedToSetGlobalRecorder)?;
        describe();
        Ok(Self(handle))
    }

    /// Metrics that nothing reports to: for a process that has its recorder elsewhere, and for tests.
    ///
    /// # Errors
    /// [`BuildError`] never, as long as the buckets above are in order.
    pub fn detached() -> Result<Self, BuildError> {
        let recorder = recorder()?;
        metrics::with_local_recorder(&recorder, describe);
        Ok(Self(recorder.handle()))
    }

    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps collected durations from piling up; runs until it is dropped.
    pub async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .build_recorder())
}

/// Tells every metric's help text. The suffix says what it is, as Prometheus' own naming rules have it.
fn describe() {
    for metric in Metric::ALL {
        let (name, help) = (metric.name(), metric.help());
        if name.ends_with("_total") {
            metrics::describe_counter!(name, help);
        } else if name.ends_with("_seconds") {
            metrics::describe_histogram!(name, metrics::Unit::Seconds, help);
        } else {
            metrics::describe_gauge!(name, help);
        }
    }
}

/// Metrics
///
/// In Prometheus' text format. Every name starts with `event_cache_`.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "health", responses(
    (status = 200, description = "Every metric", body = String, content_type = "text/plain"),
))]
pub(crate) async fn show(State(state): State<ApiState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics().render())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_event_cache_model::telemetry;

    #[test]
    fn durations_are_shown_in_buckets_and_counters_with_their_help_text() {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            describe();
            telemetry::observe(Metric::StoreCommitLatency, Duration::from_millis(3), &[]);
            telemetry::count(Metric::ForcedRuns, &[]);
        });
        let text = recorder.handle().render();
        assert!(text.contains("event_cache_store_commit_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains(Metric::ForcedRuns.help()) && text.contains("event_cache_forced_runs_total 1"), "{text}");
    }
}
