//! What a walk found: hops, verdicts, and the report that they make. Pure.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

/// A station on the way of an event, in the order in which the walk is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hop {
    /// The configuration file.
    Config,
    /// The clocks of this machine, Clouddriver, AWS and the service.
    Clock,
    /// The AWS credentials with which the checks at AWS are made.
    Credentials,
    /// The AWS Config recorder and its delivery channel.
    Recorder,
    /// EventBridge's rules and their targets.
    Rules,
    /// The SNS topic, its policy above all.
    Topic,
    /// The topic's subscription that leads to the service.
    Subscription,
    /// The SQS queue, its policy, backlog and dead letters.
    Queue,
    /// The URL to which SNS posts, as reached from outside.
    Endpoint,
    /// The running service and its control API.
    Service,
    /// The service's file.
    Store,
    /// The event stream of each account and region, by its heartbeat.
    Heartbeat,
    /// A test message from the topic to the running service.
    EndToEnd,
    /// Where Clouddriver's scheduler keeps its agents' locks.
    LockStore,
    /// Clouddriver itself.
    Clouddriver,
}

impl Hop {
    /// Every hop, in the order of the walk.
    pub const ALL: [Self; 15] = [
        Self::Config,
        Self::Clock,
        Self::Credentials,
        Self::Recorder,
        Self::Rules,
        Self::Topic,
        Self::Subscription,
        Self::Queue,
        Self::Endpoint,
        Self::Service,
        Self::Store,
        Self::Heartbeat,
        Self::EndToEnd,
        Self::LockStore,
        Self::Clouddriver,
    ];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Clock => "clock",
            Self::Credentials => "credentials",
            Self::Recorder => "recorder",
            Self::Rules => "rules",
            Self::Topic => "topic",
            Self::Subscription => "subscription",
            Self::Queue => "queue",
            Self::Endpoint => "endpoint",
            Self::Service => "service",
            Self::Store => "store",
            Self::Heartbeat => "heartbeat",
            Self::EndToEnd => "end-to-end",
            Self::LockStore => "lock-store",
            Self::Clouddriver => "clouddriver",
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What became of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Good {
        /// What was seen.
        saw: String,
    },
    /// It works, but not as it could, or not for long.
    Warning {
        /// What was seen.
        saw: String,
        /// What to do.
        todo: String,
    },
    /// Events do not pass here, or what they ask for cannot be done.
    Broken {
        /// How that is known.
        saw: String,
        /// What to do.
        todo: String,
    },
    /// It was not looked at, or what was seen follows from something else that is broken.
    Skipped {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// Its name in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Good { .. } => "good",
            Self::Warning { .. } => "warning",
            Self::Broken { .. } => "broken",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// What was seen, or why nothing was.
    pub fn said(&self) -> &str {
        match self {
            Self::Good { saw } | Self::Warning { saw, .. } | Self::Broken { saw, .. } => saw,
            Self::Skipped { why } => why,
        }
    }

    /// What to do about it.
    pub fn todo(&self) -> Option<&str> {
        match self {
            Self::Warning { todo, .. } | Self::Broken { todo, .. } => Some(todo),
            Self::Good { .. } | Self::Skipped { .. } => None,
        }
    }
}

/// One check's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub hop: Hop,
    /// Which of several: a topic, a queue, an account and region. Empty where there is only one.
    pub subject: String,
    /// A word for this outcome that never changes, for scripts and for docs/doctor.md; one of [`crate::CODES`].
    pub code: &'static str,
    /// What became of it.
    pub verdict: Verdict,
}

impl Finding {
    /// All is well here.
    pub(crate) fn good(hop: Hop, code: &'static str, saw: impl Into<String>) -> Self {
        Self::new(hop, code, Verdict::Good { saw: saw.into() })
    }

    /// Not as it could be.
    pub(crate) fn warning(hop: Hop, code: &'static str, saw: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(hop, code, Verdict::Warning { saw: saw.into(), todo: todo.into() })
    }

    /// Nothing passes.
    pub(crate) fn broken(hop: Hop, code: &'static str, saw: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(hop, code, Verdict::Broken { saw: saw.into(), todo: todo.into() })
    }

    /// Not looked at.
    pub(crate) fn skipped(hop: Hop, code: &'static str, why: impl Into<String>) -> Self {
        Self::new(hop, code, Verdict::Skipped { why: why.into() })
    }

    fn new(hop: Hop, code: &'static str, verdict: Verdict) -> Self {
        Self { hop, subject: String::new(), code, verdict }
    }

    /// Says of which of several it is.
    pub(crate) fn of(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Broken { .. })
    }
}

/// Everything that a walk found, in the order of the hops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
}

/// The version of the JSON that [`Report::to_json`] writes. Fields and codes may be added within one; nothing is renamed or taken away.
const JSON_VERSION: u32 = 1;

impl Report {
    /// In the order of the hops; within one, as found.
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.hop);
        Self { findings }
    }

    /// How many findings have a verdict of this name.
    pub fn count(&self, verdict: &str) -> usize {
        self.findings.iter().filter(|finding| finding.verdict.as_str() == verdict).count()
    }

    /// The hops at which something is broken, each once.
    pub fn broken(&self) -> Vec<Hop> {
        let mut hops: Vec<Hop> = self.findings.iter().filter(|f| f.is_broken()).map(|f| f.hop).collect();
        hops.dedup();
        hops
    }

    /// One line: how many of each, and which hops are broken.
    pub fn summary(&self) -> String {
        let counts: Vec<String> = ["good", "warning", "broken", "skipped"]
            .iter()
            .filter_map(|verdict| match self.count(verdict) {
                0 => None,
                1 => Some(format!("1 {verdict}")),
                several if *verdict == "warning" => Some(format!("{several} warnings")),
                several => Some(format!("{several} {verdict}")),
            })
            .collect();
        let broken: Vec<&str> = self.broken().into_iter().map(Hop::as_str).collect();
        let where_ = if broken.is_empty() { String::new() } else { format!("; broken: {}", broken.join(", ")) };
        format!("{}{where_}", counts.join(", "))
    }

    /// The report as JSON; docs/doctor.md promises its form.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(as_json).collect();
        json!({
            "version": JSON_VERSION,
            "healthy": self.broken().is_empty(),
            "summary": {
                "good": self.count("good"), "warning": self.count("warning"),
                "broken": self.count("broken"), "skipped": self.count("skipped"),
            },
            "brokenHops": self.broken(),
            "findings": findings,
        })
    }

    /// The report for people: a line for each finding, and under what is not well, what to do.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let mark = match finding.verdict {
                Verdict::Good { .. } => "ok     ",
                Verdict::Warning { .. } => "warning",
                Verdict::Broken { .. } => "BROKEN ",
                Verdict::Skipped { .. } => "skipped",
            };
            let subject =
                if finding.subject.is_empty() { String::new() } else { format!("{}: ", printable(&finding.subject)) };
            text.push_str(&format!("{mark}  {:<12}  {subject}{}\n", finding.hop, printable(finding.verdict.said())));
            if let Some(todo) = finding.verdict.todo() {
                text.push_str(&format!("{:23}-> {}  [{}]\n", "", printable(todo), finding.code));
            }
        }
        text.push('\n');
        text.push_str(&self.summary());
        text
    }
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "hop": finding.hop, "subject": finding.subject, "code": finding.code, "verdict": finding.verdict.as_str(),
        "says": finding.verdict.said(), "todo": finding.verdict.todo(),
    })
}

/// Text from outside stays on its line and cannot steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_in_the_order_of_the_hops_and_its_summary_names_the_broken_ones() {
        let report = Report::new(vec![
            Finding::broken(Hop::Clouddriver, "x", "no answer", "start it"),
            Finding::good(Hop::Config, "y", "sound"),
            Finding::broken(Hop::Topic, "z", "gone", "make it").of("arn"),
            Finding::skipped(Hop::Queue, "q", "none"),
        ]);
        assert_eq!(report.summary(), "1 good, 2 broken, 1 skipped; broken: topic, clouddriver");
        let text = report.to_text();
        let order: Vec<usize> = ["config", "topic", "queue", "clouddriver"].map(|w| text.find(w).unwrap()).into();
        assert!(order.is_sorted(), "{text}");
        assert!(text.contains("arn: gone\n") && text.contains("-> make it  [z]"), "{text}");
    }

    #[test]
    fn text_from_outside_cannot_break_a_line_or_steer_a_terminal() {
        let report = Report::new(vec![Finding::broken(Hop::Topic, "z", "a\x1b[2Jb\nBROKEN  c", "d")]);
        let text = report.to_text();
        assert!(!text.contains('\x1b') && text.lines().count() == 4, "{text:?}");
    }

    #[test]
    fn every_hop_has_a_name_of_its_own_which_json_uses_too() {
        let names: std::collections::BTreeSet<&str> = Hop::ALL.iter().map(|hop| hop.as_str()).collect();
        assert_eq!(names.len(), Hop::ALL.len());
        assert!(Hop::ALL.is_sorted());
        for hop in Hop::ALL {
            assert_eq!(serde_json::to_value(hop).unwrap(), hop.as_str());
        }
    }
}
