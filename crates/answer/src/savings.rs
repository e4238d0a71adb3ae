//! The books: what AWS was asked, and what it was spared.
//!
//! One line per account, region, service and operation, counted since the process started; and two numbers per day that outlive it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_event_cache_model::{AccountId, Region, ServiceName, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};

use crate::meter::{Counts, Meter};

/// So many lines: two hundred accounts in ten regions with ten operations each. What comes after is counted in one line, so that invented operation names fill
/// nothing.
const LINES: usize = 20_000;

/// What the line of all further operations is called.
const OTHER: &str = "other";

/// So many days are kept: a quarter, for a report that shows a trend.
const DAYS: usize = 92;

type Key = (AccountId, Region, ServiceName, SmolStr);

/// All lines. Share it in an `Arc`.
#[derive(Debug)]
pub struct Savings {
    since: Timestamp,
    lines: RwLock<HashMap<Key, Arc<Meter>>>,
    other: Arc<Meter>,
    days: Mutex<Days>,
}

#[derive(Debug, Default)]
struct Days {
    by_day: BTreeMap<Date, Day>,
    /// All lines together, when they were last laid to a day.
    laid: (u64, u64),
}

#[derive(Debug, Clone, Copy, Default)]
struct Day {
    made: u64,
    avoided: u64,
    /// What of both has been handed out to be kept.
    drained: (u64, u64),
}

/// The books, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavingsReport {
    /// When counting began.
    pub since: Timestamp,
    /// Everything together.
    pub total: SavingsLine,
    /// By account, region, service and operation, the most asked first.
    pub operations: Vec<OperationSavings>,
    /// By day, in UTC, the newest last.
    pub days: Vec<DaySavings>,
}

/// One line of the books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavingsLine {
    /// Requests of clients: what the same clients would have cost without a cache.
    pub asked: u64,
    /// Calls that AWS got.
    pub made: u64,
    /// Calls that AWS was spared.
    pub avoided: u64,
    /// Of these: answered from memory.
    pub hits: u64,
    /// Of these: answered from memory past its age, since AWS throttled or failed.
    pub stale_hits: u64,
    /// Of these: answered together with another request.
    pub collapsed: u64,
    /// Asked of AWS, and learned.
    pub misses: u64,
    /// Passed without being looked at further.
    pub bypassed: u64,
    /// Writes passed.
    pub writes: u64,
    /// Refused by us.
    pub refused: u64,
    /// Calls that AWS refused for their rate.
    pub throttled: u64,
    /// Calls that AWS did not answer, or answered with a server's error.
    pub failed: u64,
    /// Bytes of answers given to clients.
    pub bytes: u64,
    /// Mean time of a call of AWS, in milliseconds.
    pub mean_call_ms: u64,
}

/// The line of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationSavings {
    /// Whose; empty in the line of all further operations.
    pub account: SmolStr,
    /// Where.
    pub region: SmolStr,
    /// Of which service.
    pub service: SmolStr,
    /// Its name.
    pub operation: SmolStr,
    /// What stands in it.
    #[serde(flatten)]
    pub line: SavingsLine,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DaySavings {
    /// The day, in UTC.
    pub day: SmolStr,
    /// Calls that AWS got.
    pub made: u64,
    /// Calls that AWS was spared.
    pub avoided: u64,
}

impl From<Counts> for SavingsLine {
    fn from(counts: Counts) -> Self {
        let made = counts.made();
        Self {
            asked: counts.asked(),
            made,
            avoided: counts.avoided(),
            hits: counts.hits,
            stale_hits: counts.stale_hits,
            collapsed: counts.collapsed,
            misses: counts.misses,
            bypassed: counts.bypassed,
            writes: counts.writes,
            refused: counts.refused,
            throttled: counts.throttled,
            failed: counts.failed,
            bytes: counts.bytes,
            mean_call_ms: counts.micros.checked_div(made).unwrap_or(0) / 1_000,
        }
    }
}

impl Savings {
    /// Empty books, opened now.
    pub fn new(now: Timestamp) -> Self {
        Self { since: now, lines: RwLock::default(), other: Arc::default(), days: Mutex::default() }
    }

    /// The line of an operation, to be kept by who counts often.
    pub fn meter(&self, account: &AccountId, region: &Region, service: &ServiceName, operation: &str) -> Arc<Meter> {
        let key = (account.clone(), region.clone(), service.clone(), SmolStr::new(operation));
        if let Some(meter) = self.lines.read().get(&key) {
            return meter.clone();
        }
        let mut lines = self.lines.write();
        if lines.len() >= LINES && !lines.contains_key(&key) {
            return self.other.clone();
        }
        lines.entry(key).or_default().clone()
    }

    /// The line of requests that belong to no place we know yet.
    pub fn other(&self) -> Arc<Meter> {
        self.other.clone()
    }

    /// The books as they stand.
    pub fn snapshot(&self, now: Timestamp) -> SavingsReport {
        let mut operations: Vec<OperationSavings> = Vec::new();
        let mut total = Counts::default();
        for ((account, region, service, operation), meter) in self.lines.read().iter() {
            let counts = meter.read();
            total.add(&counts);
            let [account, region, service] = [account.as_str(), region.as_str(), service.as_str()].map(SmolStr::new);
            operations.push(OperationSavings {
                account,
                region,
                service,
                operation: operation.clone(),
                line: counts.into(),
            });
        }
        let other = self.other.read();
        if other != Counts::default() {
            total.add(&other);
            let [account, region, service] = [""; 3].map(SmolStr::new_static);
            let operation = SmolStr::new_static(OTHER);
            operations.push(OperationSavings { account, region, service, operation, line: other.into() });
        }
        operations.sort_by(|a, b| {
            let name = |o: &OperationSavings| [&o.account, &o.region, &o.service, &o.operation].map(SmolStr::clone);
            b.line.asked.cmp(&a.line.asked).then_with(|| name(a).cmp(&name(b)))
        });
        let days = {
            let mut days = self.days.lock();
            days.lay((total.made(), total.avoided()), now);
            days.report()
        };
        SavingsReport { since: self.since, total: total.into(), operations, days }
    }

    /// Counts to be kept over restarts, since they were last taken, by names such as `answer.made.2026-11-28`. Call it every minute or so, so that what happens
    /// around midnight is laid to the right day.
    pub fn drain_day_counts(&self, now: Timestamp) -> Vec<(SmolStr, u64)> {
        let total = self.total();
        let mut days = self.days.lock();
        days.lay((total.made(), total.avoided()), now);
        days.drain()
    }

    /// Takes what was kept. Names that are not ours are left alone.
    pub fn restore(&self, counts: &[(SmolStr, u64)]) {
        let mut days = self.days.lock();
        for (name, count) in counts {
            let Some((what, day)) = name.strip_prefix("answer.").and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            let Ok(day) = day.parse::<Date>() else { continue };
            match what {
                "made" => {
                    let day = days.by_day.entry(day).or_default();
                    (day.made, day.drained.0) = (day.made + count, day.drained.0 + count);
                }
                "avoided" => {
                    let day = days.by_day.entry(day).or_default();
                    (day.avoided, day.drained.1) = (day.avoided + count, day.drained.1 + count);
                }
                _ => {}
            }
        }
        days.trim();
    }

    fn total(&self) -> Counts {
        let mut total = self.other.read();
        self.lines.read().values().for_each(|meter| total.add(&meter.read()));
        total
    }
}

impl Days {
    /// Lays what was counted since the last time to today.
    fn lay(&mut self, (made, avoided): (u64, u64), now: Timestamp) {
        let day = self.by_day.entry(TimeZone::UTC.to_datetime(now).date()).or_default();
        day.made += made.saturating_sub(self.laid.0);
        day.avoided += avoided.saturating_sub(self.laid.1);
        self.laid = (made.max(self.laid.0), avoided.max(self.laid.1));
        self.trim();
    }

    fn trim(&mut self) {
        while self.by_day.len() > DAYS {
            self.by_day.pop_first();
        }
    }

    fn report(&self) -> Vec<DaySavings> {
        let day = |(date, day): (&Date, &Day)| DaySavings {
            day: format_smolstr!("{date}"),
            made: day.made,
            avoided: day.avoided,
        };
        self.by_day.iter().map(day).collect()
    }

    fn drain(&mut self) -> Vec<(SmolStr, u64)> {
        let mut counts = Vec::new();
        for (date, day) in &mut self.by_day {
            let (made, avoided) = (day.made - day.drained.0, day.avoided - day.drained.1);
            day.drained = (day.made, day.avoided);
            if made > 0 {
                counts.push((format_smolstr!("answer.made.{date}"), made));
            }
            if avoided > 0 {
                counts.push((format_smolstr!("answer.avoided.{date}"), avoided));
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::meter::{Answered, Upstream};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn meter(savings: &Savings, operation: &str) -> Arc<Meter> {
        let account = AccountId::new("111122223333").unwrap();
        let region = Region::new("eu-west-1").unwrap();
        savings.meter(&account, &region, &ServiceName::new("test").unwrap(), operation)
    }

    #[test]
    fn what_stock_polling_would_have_cost_is_what_was_made_and_what_was_avoided() {
        let savings = Savings::new(at("2026-11-28T10:00:00Z"));
        let line = meter(&savings, "ListWidgets");
        for how in
            [Answered::Hit, Answered::Hit, Answered::Collapsed, Answered::StaleHit, Answered::Miss, Answered::Refused]
        {
            line.answered(how, 100);
        }
        line.upstream(Upstream::Ok, Duration::from_millis(40));
        line.upstream(Upstream::Throttled, Duration::from_millis(20));
        let report = savings.snapshot(at("2026-11-28T10:01:00Z"));
        let total = report.total;
        assert_eq!((total.asked, total.made, total.avoided), (6, 2, 4));
        assert_eq!((total.bytes, total.throttled, total.mean_call_ms), (600, 1, 30));
        assert_eq!(report.operations.len(), 1);
        assert_eq!(report.operations[0].line, total);
    }

    #[test]
    fn days_outlive_a_restart_and_nothing_is_counted_twice() {
        let savings = Savings::new(at("2026-11-28T23:00:00Z"));
        let line = meter(&savings, "ListWidgets");
        line.answered(Answered::Hit, 1);
        line.upstream(Upstream::Ok, Duration::ZERO);
        let first = savings.drain_day_counts(at("2026-11-28T23:59:00Z"));
        assert_eq!(first, [("answer.made.2026-11-28".into(), 1), ("answer.avoided.2026-11-28".into(), 1)]);
        line.answered(Answered::Hit, 1);
        let second = savings.drain_day_counts(at("2026-11-29T00:01:00Z"));
        assert_eq!(second, [("answer.avoided.2026-11-29".into(), 1)]);
        assert!(savings.drain_day_counts(at("2026-11-29T00:02:00Z")).is_empty());

        let restarted = Savings::new(at("2026-11-29T08:00:00Z"));
        restarted.restore(
            &[first, second, vec![("other.made.2026-11-28".into(), 9), ("answer.made.never".into(), 9)]].concat(),
        );
        assert!(restarted.drain_day_counts(at("2026-11-29T08:01:00Z")).is_empty(), "what was restored is kept already");
        let days = restarted.snapshot(at("2026-11-29T08:01:00Z")).days;
        let shown: Vec<_> = days.iter().map(|d| (d.day.as_str(), d.made, d.avoided)).collect();
        assert_eq!(shown, [("2026-11-28", 1, 1), ("2026-11-29", 0, 1)]);
    }

    #[test]
    fn invented_operations_share_one_line_when_the_books_are_full() {
        let savings = Savings::new(at("2026-11-28T10:00:00Z"));
        for n in 0..LINES + 100 {
            meter(&savings, &format!("Invented{n}")).answered(Answered::Bypass, 1);
        }
        let report = savings.snapshot(at("2026-11-28T10:01:00Z"));
        assert_eq!(report.operations.len(), LINES + 1);
        assert_eq!(report.operations[0].operation, OTHER);
        assert_eq!((report.operations[0].line.asked, report.total.asked), (100, LINES as u64 + 100));
    }
}
