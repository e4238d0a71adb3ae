//! The figures of a world, for people and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_event_cache_catalog::{AgeClass, Catalog};
use serde_json::{Map, Value, json};

use super::runs::Why;

/// How many differences are shown: there should be none, and a few say what is wrong.
const SHOWN: usize = 40;

/// One change.
#[derive(Debug)]
pub(super) struct Sample {
    /// Which kind of change.
    pub(super) what: String,
    /// Whether AWS tells of it.
    pub(super) announced: bool,
    /// From the change to the cache entry; of a change that was never seen, how long it was waited for.
    pub(super) staleness: Duration,
    /// What became of the message about it; `None` if there was none, or the cache had caught up before.
    pub(super) message: Option<Message>,
}

/// From the posting of a message.
#[derive(Debug)]
pub(super) struct Message {
    /// To the start of the agent's run that brought the change.
    pub(super) to_start: Duration,
    /// To the cache entry.
    pub(super) to_cache: Duration,
}

/// What was seen in one world.
#[derive(Debug, Default)]
pub(super) struct Report {
    name: &'static str,
    /// Changes seen.
    pub(super) samples: Vec<Sample>,
    /// Changes never seen.
    pub(super) lost: Vec<Sample>,
    /// The mock's counts at the end of the measurement.
    pub(super) calls: Option<Value>,
    /// Agents' runs during the measurement.
    pub(super) runs: BTreeMap<String, Why>,
    /// The service's status when the measurement began; null in a world without it.
    pub(super) before: Value,
    /// The service's status when it ended.
    pub(super) after: Value,
    /// What the service had answered in AWS's place when the measurement began; null where it does not answer.
    pub(super) saved_before: Value,
    /// And when it ended.
    pub(super) saved_after: Value,
    /// In what the cache differed from a stock Clouddriver's at the end; `None` if nobody looked.
    pub(super) differences: Option<Vec<String>>,
}

impl Report {
    /// An empty one for the world of this name.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    /// AWS calls per minute without those that read health: nobody announces it, so it has to be read, whoever reads it.
    fn without_health(&self) -> f64 {
        let health = health_operations();
        let rows = self.calls.iter().flat_map(|calls| calls["calls"].as_array().into_iter().flatten());
        let others = rows.filter(|row| !row["action"].as_str().is_some_and(|action| health.contains(action)));
        self.per_minute(others.filter_map(|row| row["calls"].as_f64()).sum())
    }

    fn minutes(&self) -> f64 {
        self.calls.as_ref().and_then(|calls| calls["elapsed_seconds"].as_f64()).unwrap_or_default() / 60.0
    }

    fn per_minute(&self, count: f64) -> f64 {
        let minutes = self.minutes();
        if minutes > 0.0 { count / minutes } else { 0.0 }
    }

    /// AWS calls per minute by `measure` (`calls`, `throttled`), in all.
    fn total(&self, measure: &str) -> f64 {
        let count = self.calls.as_ref().and_then(|calls| calls["totals"][measure].as_f64());
        self.per_minute(count.unwrap_or_default())
    }

    /// Staleness of the changes that `of` picks. Those that were never seen count with the time that they were waited for.
    fn staleness(&self, of: impl Fn(&Sample) -> bool) -> Vec<Duration> {
        let all = self.samples.iter().chain(&self.lost);
        sorted(all.filter(|sample| of(sample)).map(|sample| sample.staleness))
    }

    fn messages(&self, span: impl Fn(&Message) -> Duration) -> Vec<Duration> {
        sorted(self.samples.iter().filter_map(|sample| sample.message.as_ref()).map(span))
    }

    /// The figures as a member of the JSON answer.
    fn json(&self) -> Value {
        let group = |announced: bool| {
            let staleness = self.staleness(|sample| sample.announced == announced);
            json!({"changes": staleness.len(), "staleness_ms": spread(&staleness)})
        };
        let mut figures = json!({
            "aws_calls_per_minute": round(self.total("calls")),
            "aws_calls_per_minute_without_health": round(self.without_health()),
            "throttled_calls_per_minute": round(self.total("throttled")),
            "changes": {"seen": self.samples.len(), "never_seen": self.lost.len()},
            "staleness_ms": spread(&self.staleness(|_| true)),
            "announced": group(true),
            "unannounced": group(false),
        });
        if let Some(differences) = &self.differences {
            figures["differences"] = differences.len().into();
        }
        if !self.after.is_null() {
            let (start, cache) = (self.messages(|m| m.to_start), self.messages(|m| m.to_cache));
            figures["from_message_ms"] = json!({"to_agent_start": spread(&start), "to_cache": spread(&cache)});
        }
        figures
    }

    /// Prints tables for people.
    pub(super) fn print(&self) {
        line(&format!("\nWorld \"{}\"", self.name));
        self.print_staleness();
        self.print_calls();
        self.print_runs();
        self.print_service();
        self.print_savings();
        self.print_differences();
    }

    fn print_staleness(&self) {
        line(&format!(
            "\n{:<38}{:>8}{:>10}{:>10}{:>10}",
            "from change to Clouddriver's cache", "changes", "p50", "p95", "max"
        ));
        let kinds: BTreeSet<&str> = self.samples.iter().map(|sample| sample.what.as_str()).collect();
        for what in kinds {
            row(what, &self.staleness(|sample| sample.what == what));
        }
        row("all that events announce", &self.staleness(|sample| sample.announced));
        row("all that only polling shows", &self.staleness(|sample| !sample.announced));
        row("all", &self.staleness(|_| true));
        if !self.after.is_null() {
            row("from message to agent's start", &self.messages(|m| m.to_start));
            row("from message to Clouddriver's cache", &self.messages(|m| m.to_cache));
        }
        if !self.lost.is_empty() {
            let lost: Vec<&str> = self.lost.iter().map(|sample| sample.what.as_str()).collect();
            line(&format!("never seen: {}", lost.join(", ")));
        }
    }

    fn print_calls(&self) {
        let Some(calls) = &self.calls else { return };
        line(&format!("\n{:<56}{:>10}", "AWS calls per minute", "calls"));
        let mut rows: Vec<&Value> = calls["calls"].as_array().into_iter().flatten().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row["calls"].as_u64()));
        for row in rows {
            let name = format!("{} {}", row["service"].as_str().unwrap_or("?"), row["action"].as_str().unwrap_or("?"));
            let count = row["calls"].as_f64().unwrap_or_default();
            line(&format!("{name:<56}{:>10.1}", self.per_minute(count)));
        }
        line(&format!("{:<56}{:>10.1}", "all", self.total("calls")));
        line(&format!("{:<56}{:>10.1}", "all but reads of health", self.without_health()));
        line(&format!("{:<56}{:>10.1}", "throttled", self.total("throttled")));
    }

    fn print_runs(&self) {
        line(&format!(
            "\n{:<60}{:>6}{:>12}{:>8}{:>14}{:>8}",
            "agents' runs", "runs", "per minute", "events", "second looks", "polls"
        ));
        for (agent, why) in self.runs.iter().filter(|(_, why)| why.runs > 0) {
            let rate = self.per_minute(f64::from(why.runs));
            let Why { runs, events, looks } = why;
            line(&format!("{agent:<60}{runs:>6}{rate:>12.2}{events:>8}{looks:>14}{:>8}", why.polls()));
        }
    }

    /// What the service says that it did, and why its agents wait as they do.
    fn print_service(&self) {
        let Some(counters) = self.after["counters"].as_object() else { return };
        line(&format!("\n{:<56}{:>10}", "what the service did", "count"));
        for (name, after) in counters {
            let before = self.before["counters"][name].as_u64().unwrap_or_default();
            let count = after.as_u64().unwrap_or_default().saturating_sub(before);
            if count > 0 {
                line(&format!("{name:<56}{count:>10}"));
            }
        }
        line(&format!("\n{:<56}{:>10}  {}", "cadence at the end", "every", "why"));
        for scope in self.after["scopes"].as_array().into_iter().flatten() {
            let text = |name: &str| scope[name].as_str().unwrap_or_default();
            let place = format!("{} {} {}", text("account"), text("region"), text("kind"));
            let every = scope["cadence_ms"].as_u64().map_or("stock".to_owned(), |ms| format!("{} s", ms / 1_000));
            line(&format!("{place:<56}{every:>10}  {}", text("reason")));
        }
        for problem in self.after["problems"].as_array().into_iter().flatten() {
            line(&format!("problem: {problem}"));
        }
    }

    /// What the service answered in AWS's place during the measurement, by its own account.
    fn print_savings(&self) {
        let Some(operations) = self.saved_after["operations"].as_array() else { return };
        let before = self.saved_before["operations"].as_array();
        let before: BTreeMap<String, &Value> = before.into_iter().flatten().map(|row| (operation(row), row)).collect();
        let mut rows: BTreeMap<String, [u64; 3]> = BTreeMap::new();
        for after in operations {
            let earlier = before.get(&operation(after)).copied().unwrap_or(&Value::Null);
            let sum = rows.entry(format!("{} {}", text(after, "service"), text(after, "operation"))).or_default();
            for (sum, name) in sum.iter_mut().zip(["asked", "made", "avoided"]) {
                *sum += count(after, name).saturating_sub(count(earlier, name));
            }
        }
        line(&format!(
            "\n{:<56}{:>10}{:>10}{:>10}",
            "what Clouddriver asked the service", "asked", "of AWS", "avoided"
        ));
        for (name, [asked, made, avoided]) in rows {
            line(&format!("{name:<56}{asked:>10}{made:>10}{avoided:>10}"));
        }
    }

    fn print_differences(&self) {
        let Some(found) = &self.differences else { return };
        line(&format!("\ndifferences from a stock Clouddriver's cache: {}", found.len()));
        found.iter().take(SHOWN).for_each(|one| line(&format!("  {one}")));
    }
}

/// What tells one row of the savings from another.
fn operation(row: &Value) -> String {
    ["account", "region", "service", "operation"].map(|name| text(row, name)).join(" ")
}

fn text<'v>(row: &'v Value, name: &str) -> &'v str {
    row[name].as_str().unwrap_or_default()
}

fn count(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or_default()
}

/// What each world saves and costs beside the stock world.
pub(super) fn compare(reports: &[Report]) {
    let Some(stock) = reports.iter().find(|report| report.before.is_null()) else { return };
    line(&format!(
        "\n{:<10}{:>16}{:>10}{:>20}{:>10}{:>16}{:>14}",
        "world", "AWS calls/min", "fewer", "without health", "fewer", "staleness p95", "differences"
    ));
    for report in reports {
        let (all, rest) = (report.total("calls"), report.without_health());
        let p95 = percentile(&report.staleness(|_| true), 95).as_secs_f64();
        let differences = report.differences.as_ref().map_or("?".to_owned(), |found| found.len().to_string());
        line(&format!(
            "{:<10}{all:>16.1}{:>8.1} %{rest:>20.1}{:>8.1} %{p95:>14.1} s{differences:>14}",
            report.name,
            fewer(stock.total("calls"), all),
            fewer(stock.without_health(), rest)
        ));
    }
}

/// By how many percent there are fewer.
fn fewer(before: f64, after: f64) -> f64 {
    if before > 0.0 { 100.0 * (1.0 - after / before) } else { 0.0 }
}

/// The operations that read health, by the catalogue.
fn health_operations() -> BTreeSet<String> {
    let catalog = Catalog::shipped();
    let reads = catalog.kinds().flat_map(|kind| &kind.reads).filter(|read| read.age == AgeClass::Health);
    reads.map(|read| read.operation.to_string()).collect()
}

/// Prints the figures of all worlds in one line of JSON.
pub(super) fn print_json(reports: &[Report]) {
    let mut all: Map<String, Value> = reports.iter().map(|report| (report.name.to_owned(), report.json())).collect();
    let found = reports.iter().map(|report| report.differences.as_ref().map(Vec::len)).sum::<Option<usize>>();
    all.insert("differences".to_owned(), found.into());
    line(&Value::Object(all).to_string());
}

#[allow(clippy::print_stdout, reason = "this is the command's answer")]
fn line(text: &str) {
    println!("{text}");
}

fn row(what: &str, spans: &[Duration]) {
    let at = |percent| format!("{:.1} s", percentile(spans, percent).as_secs_f64());
    if spans.is_empty() {
        return;
    }
    line(&format!("{what:<38}{:>8}{:>10}{:>10}{:>10}", spans.len(), at(50), at(95), at(100)));
}

fn spread(sorted: &[Duration]) -> Value {
    let at = |percent| millis(percentile(sorted, percent));
    json!({"p50": at(50), "p95": at(95), "max": at(100)})
}

fn sorted(spans: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut all: Vec<Duration> = spans.collect();
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

    fn sample(announced: bool, millis: u64) -> Sample {
        let staleness = Duration::from_millis(millis);
        Sample { what: "widget bent".to_owned(), announced, staleness, message: None }
    }

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
        report.samples.push(sample(true, 1_500));
        let figures = report.json();
        assert_eq!(figures["aws_calls_per_minute"], 226.0);
        assert_eq!(figures["throttled_calls_per_minute"], 2.0);
        assert_eq!(figures["staleness_ms"], json!({"p50": 1500, "p95": 1500, "max": 1500}));
        assert!(figures.get("from_message_ms").is_none(), "stock gets no messages");
    }

    #[test]
    fn a_change_that_was_never_seen_counts_as_stale_for_as_long_as_it_was_waited_for() {
        let mut report = Report::new("drive");
        report.samples.push(sample(true, 1_000));
        report.lost.push(sample(false, 90_000));
        let figures = report.json();
        assert_eq!(figures["staleness_ms"]["max"], 90_000);
        assert_eq!(figures["announced"]["staleness_ms"]["max"], 1_000);
        assert_eq!(figures["changes"], json!({"seen": 1, "never_seen": 1}));
    }
}
