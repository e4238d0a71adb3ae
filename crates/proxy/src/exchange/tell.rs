//! What passing requests tell the engine, in the background: a slow or dead engine never delays an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::seam::HintSink;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{Evidence, Hint, Scope};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::proxy::EvidenceSink;

/// So many things may wait to be told. A lost hint costs the drive arm its head start over the event of the same write, not the change itself; the ledger has its
/// mark anyway. Lost evidence is found again by the next read.
const MOST_WAITING: usize = 1_024;

/// The engine makes hints durable in milliseconds. When it takes longer than this it is stuck, and the next hints have a better chance.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
enum Told {
    Hints(Vec<Hint>),
    Evidence(Scope, Evidence),
}

/// The way to the engine.
#[derive(Debug)]
pub(super) struct Engine {
    waiting: mpsc::Sender<Told>,
    _carrier: AbortOnDropHandle<()>,
}

impl Engine {
    /// Starts carrying; what there is no taker for is dropped.
    #[allow(clippy::disallowed_methods, reason = "a shell: the carrier ends with the exchange")]
    pub(super) fn new(hints: Option<Arc<dyn HintSink>>, evidence: Option<EvidenceSink>) -> Self {
        let (waiting, told) = mpsc::channel(MOST_WAITING);
        Self { waiting, _carrier: AbortOnDropHandle::new(tokio::spawn(carry(told, hints, evidence))) }
    }

    /// Hands hints over and returns at once.
    pub(super) fn hints(&self, hints: Vec<Hint>) {
        if !hints.is_empty() && self.waiting.try_send(Told::Hints(hints)).is_err() {
            count(Metric::AnswerHintsLost, &[("reason", "full")]);
        }
    }

    /// Hands evidence over and returns at once.
    pub(super) fn evidence(&self, scope: Scope, evidence: Evidence) {
        if self.waiting.try_send(Told::Evidence(scope, evidence)).is_err() {
            count(Metric::AnswerHintsLost, &[("reason", "full")]);
        }
    }
}

async fn carry(mut told: mpsc::Receiver<Told>, hints: Option<Arc<dyn HintSink>>, evidence: Option<EvidenceSink>) {
    while let Some(next) = told.recv().await {
        match (next, &hints, &evidence) {
            (Told::Hints(batch), Some(sink), _) => carry_hints(batch, sink).await,
            // A panic of the engine must not end what carries to it.
            (Told::Evidence(scope, seen), _, Some(sink))
                if catch_unwind(AssertUnwindSafe(|| sink(&scope, seen))).is_err() =>
            {
                count(Metric::AnswerHintsLost, &[("reason", "panic")]);
            }
            _ => {}
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a shell: a panic of the engine ends this task, not the carrier")]
async fn carry_hints(batch: Vec<Hint>, sink: &Arc<dyn HintSink>) {
    let sink = sink.clone();
    let accepting = AbortOnDropHandle::new(tokio::spawn(async move { sink.accept(batch).await }));
    let reason = match tokio::time::timeout(PATIENCE, accepting).await {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "the engine did not take the hints of a write that passed through");
            "refused"
        }
        Ok(Err(_)) => "panic",
        Err(_) => "late",
    };
    count(Metric::AnswerHintsLost, &[("reason", reason)]);
}
