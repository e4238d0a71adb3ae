//! The figures of a world, for people and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// One change that the cache has shown.
#[derive(Debug)]
pub(super) struct Sample {
    /// Which kind of change.
    pub(super) what: String,
    /// From the change to the cache entry.
    pub(super) staleness: Duration,
}

/// What was seen in one world.
#[derive(Debug)]
pub(super) struct Report {
    name: &'static str,
    /// Changes seen.
    pub(super) samples: Vec<Sample>,
    /// Changes never seen.
    pub(super) lost: Vec<String>,
    /// The mock's counts at the end of the measurement.
    pub(super) calls: Option<Value>,
}

impl Report {
    /// An empty one for the world of this name.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, samples: Vec::new(), lost: Vec::new(), calls: None }
    }

    /// AWS calls per minute, of all actions or, with `totals` being a row, of one.
    fn per_minute(&self, row: &Value, measure: &str) -> f64 {
        let seconds = self.calls.as_ref().and_then(|calls| calls["elapsed_seconds"].as_f64()).unwrap_or_default();
        let count = row[measure].as_f64().unwrap_or_default();
        if seconds > 0.0 { count * 60.0 / seconds } else { 0.0 }
    }

    fn staleness(&self) -> Vec<Duration> {
        sorted(self.samples.iter())
    }

    fn by_kind(&self) -> BTreeMap<&str, Vec<Duration>> {
        let mut kinds: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
        for sample in &self.samples {
            kinds.entry(&sample.what).or_default().push(sample);
        }
        kinds.into_iter().map(|(what, samples)| (what, sorted(samples.into_iter()))).collect()
    }

    /// The figures as a member of the JSON answer.
    fn json(&self) -> Value {
        let totals = self.calls.as_ref().map_or(Value::Null, |calls| calls["totals"].clone());
        let staleness = self.staleness();
        json!({
            "aws_calls_per_minute": round(self.per_minute(&totals, "calls")),
            "throttled_calls_per_minute": round(self.per_minute(&totals, "throttled")),
            "changes": {"seen": staleness.len(), "never_seen": self.lost.len()},
            "staleness_ms": {
                "p50": millis(percentile(&staleness, 50)),
                "p95": millis(percentile(&staleness, 95)),
                "max": millis(percentile(&staleness, 100)),
            },
        })
    }

    /// Prints a table for people.
    #[allow(clippy::print_stdout, reason = "this is the command's answer")]
    pub(super) fn print(&self) {
        println!("\nWorld \"{}\"\n", self.name);
        println!("{:<34}{:>8}{:>10}{:>10}{:>10}", "from change to Clouddriver's cache", "changes", "p50", "p95", "max");
        let all = self.staleness();
        for (what, staleness) in self.by_kind().iter().chain([(&"all", &all)]) {
            let at = |percent| format!("{:.1} s", percentile(staleness, percent).as_secs_f64());
            println!("{what:<34}{:>8}{:>10}{:>10}{:>10}", staleness.len(), at(50), at(95), at(100));
        }
        if !self.lost.is_empty() {
            println!("never seen: {}", self.lost.join(", "));
        }
        let Some(calls) = &self.calls else { return };
        println!("\n{:<52}{:>10}", "AWS calls per minute", "calls");
        let mut rows: Vec<&Value> = calls["calls"].as_array().into_iter().flatten().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row["calls"].as_u64()));
        for row in rows {
            let name = format!("{} {}", row["service"].as_str().unwrap_or("?"), row["action"].as_str().unwrap_or("?"));
            println!("{name:<52}{:>10.1}", self.per_minute(row, "calls"));
        }
        println!("{:<52}{:>10.1}", "all", self.per_minute(&calls["totals"], "calls"));
        println!("{:<52}{:>10.1}", "throttled", self.per_minute(&calls["totals"], "throttled"));
    }
}

/// Prints the figures of all worlds in one line of JSON.
#[allow(clippy::print_stdout, reason = "this is the command's answer")]
pub(super) fn print_json(reports: &[Report]) {
    let all: Map<String, Value> = reports.iter().map(|report| (report.name.to_owned(), report.json())).collect();
    println!("{}", Value::Object(all));
}

fn sorted<'a>(samples: impl Iterator<Item = &'a Sample>) -> Vec<Duration> {
    let mut all: Vec<Duration> = samples.map(|sample| sample.staleness).collect();
    all.sort();
    all
}

/// The smallest value that at least `percent` of the sorted values do not exceed (nearest rank); nought of none.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One digit after the point: more would be noise.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let all: Vec<Duration> = (1..=20).map(Duration::from_secs).collect();
        assert_eq!(percentile(&all, 50), Duration::from_secs(10));
        assert_eq!(percentile(&all, 95), Duration::from_secs(19));
        assert_eq!(percentile(&all, 100), Duration::from_secs(20));
        assert_eq!(percentile(&all[..1], 50), Duration::from_secs(1));
        assert_eq!(percentile(&[], 95), Duration::ZERO);
    }

    #[test]
    fn calls_are_counted_per_minute_of_the_mocks_own_time() {
        let mut report = Report::new("stock");
        report.calls = Some(json!({"elapsed_seconds": 30.0, "totals": {"calls": 113, "throttled": 1}, "calls": []}));
        report.samples.push(Sample { what: "widget bent".to_owned(), staleness: Duration::from_millis(1_500) });
        report.lost.push("widget lost".to_owned());
        assert_eq!(
            report.json(),
            json!({
                "aws_calls_per_minute": 226.0,
                "throttled_calls_per_minute": 2.0,
                "changes": {"seen": 1, "never_seen": 1},
                "staleness_ms": {"p50": 1500, "p95": 1500, "max": 1500},
            })
        );
    }
}
