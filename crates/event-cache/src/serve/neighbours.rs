//! What the parts beside engine and store say in the status.

use std::sync::Arc;

use aws_event_cache_api::Neighbours;
use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::diagnose::{Problem, Severity};
use aws_event_cache_clouddriver::plugin::fleet::ReplicaState;
use aws_event_cache_clouddriver::{AccountsFeed, ControlState, Driver, FeedState};
use aws_event_cache_intake::Intake;
use aws_event_cache_sqs::{QueueStats, Stats};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::answer::Arm;
use super::answer_report;

/// Where the status of the parts comes from. All of it is in memory.
pub(crate) struct Sources {
    pub(crate) feed: Arc<AccountsFeed>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) queues: Option<Stats>,
    /// The answer arm, unless it is off.
    pub(crate) arm: Option<Arc<Arm>>,
    /// By what agents are run and held.
    pub(crate) driver: Arc<Driver>,
    /// The last diagnosis of Clouddriver's side.
    pub(crate) diagnosis: Arc<Mutex<Vec<Problem>>>,
    pub(crate) clock: Clock,
}

impl Sources {
    /// Everything they have to say.
    pub(crate) fn say(&self) -> Neighbours {
        let feed = self.feed.state();
        let queues = self.queues.as_ref().map(Stats::queues).unwrap_or_default();
        let diagnosis = self.diagnosis.lock().clone();
        let mut problems: Vec<String> = diagnosis
            .iter()
            .filter(|problem| problem.severity > Severity::Info)
            .map(|problem| problem.text.clone())
            .collect();
        problems.extend(feed.failure.iter().map(|why| format!("Clouddriver's accounts cannot be read: {why}")));
        problems.extend(feed.problems.iter().cloned());
        problems.extend(queues.iter().filter_map(queue_problem));
        problems.extend(self.arm.iter().flat_map(|arm| answer_report::problems(arm)));
        let mut parts = serde_json::Map::new();
        if let Some(arm) = &self.arm {
            parts.insert("answer".into(), answer_report::brief(arm));
        }
        parts.insert("accounts".into(), accounts(&feed));
        parts.insert("lockStore".into(), self.lock_store());
        parts.insert("queues".into(), json!(queues));
        parts.insert("clouddriver".into(), json!(diagnosis));
        parts.insert("notUnderstood".into(), self.not_understood());
        Neighbours { problems, parts }
    }

    fn lock_store(&self) -> Value {
        match self.driver.control() {
            ControlState::None => json!({"type": "none"}),
            ControlState::Locks { store } => json!({"type": "locks", "store": store}),
            ControlState::Plugin { replicas, fetched, held } => json!({
                "type": "plugin",
                "replicas": replicas.iter().map(replica).collect::<Vec<_>>(),
                "intervalsFetched": fetched,
                "intervalsFetchedSecondsAgo": fetched.map(|at| self.clock.now().duration_since(at).as_secs()),
                "agentsHeld": held,
            }),
        }
    }

    fn not_understood(&self) -> Value {
        let samples = self.intake.unknown_samples().into_iter();
        let shown = samples.map(|s| json!({"at": s.at, "source": s.source, "origin": s.origin, "shape": s.text}));
        Value::Array(shown.collect())
    }
}

fn replica(replica: &ReplicaState) -> Value {
    json!({
        "address": replica.replica.as_str(),
        "answers": replica.answered.is_some() && replica.failure.is_none(),
        "answered": replica.answered,
        "failure": replica.failure,
        "agents": replica.agents,
    })
}

fn accounts(feed: &FeedState) -> Value {
    json!({"answered": feed.answered, "failure": feed.failure})
}

/// A queue whose last receive failed after it last succeeded.
fn queue_problem(queue: &QueueStats) -> Option<String> {
    let error = queue.last_error.as_ref()?;
    let newer = queue.last_receive.is_none_or(|received| error.at > received);
    newer.then(|| format!("{}: {}", queue.url, error.words))
}
