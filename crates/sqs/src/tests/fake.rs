//! A queue in memory that keeps SQS's rules: hidden for a while, a new receipt with each receive, long polls. It follows tokio's time, so tests pause it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, FailureKind};
use crate::queue::{Queue, Received, Refused};

const WAIT: Duration = Duration::from_secs(20);

struct Held {
    id: String,
    visible: Instant,
    count: u32,
}

#[derive(Default)]
pub(crate) struct Inside {
    held: Vec<Held>,
    /// Answers to the next receives, before messages are given.
    pub(crate) receive_failures: VecDeque<Failure>,
    /// Fails every receive.
    pub(crate) broken: Option<FailureKind>,
    /// Messages whose deletion within a batch is refused.
    pub(crate) refuse_in_batch: BTreeSet<String>,
    /// Whole batch deletions that fail from here on.
    pub(crate) failing_deletes: u32,
    pub(crate) receives: u32,
    pub(crate) deleted: Vec<String>,
    pub(crate) deleted_singly: u32,
    /// Times hidden anew, with the delay.
    pub(crate) hidden: Vec<(String, Duration)>,
}

pub(crate) struct Fake {
    pub(crate) inside: Mutex<Inside>,
    visibility: Duration,
    came: Notify,
}

impl Fake {
    pub(crate) fn new(visibility: Duration) -> Self {
        Self { inside: Mutex::default(), visibility, came: Notify::new() }
    }

    pub(crate) fn send(&self, id: impl ToString) {
        let held = Held { id: id.to_string(), visible: Instant::now(), count: 0 };
        self.inside.lock().held.push(held);
        self.came.notify_one();
    }

    /// Messages still there, and whether they are visible.
    pub(crate) fn left(&self) -> Vec<(String, bool)> {
        let now = Instant::now();
        self.inside.lock().held.iter().map(|held| (held.id.clone(), held.visible <= now)).collect()
    }

    /// Takes what is visible; else says when something will be.
    fn take(&self) -> Result<Vec<Received>, Option<Instant>> {
        let now = Instant::now();
        let mut inside = self.inside.lock();
        let mut taken = Vec::new();
        for held in inside.held.iter_mut().filter(|held| held.visible <= now).take(10) {
            held.visible = now + self.visibility;
            held.count += 1;
            taken.push(Received {
                id: held.id.clone(),
                receipt: format!("{}#{}", held.id, held.count),
                body: held.id.clone(),
                count: held.count,
                sent: None,
            });
        }
        if taken.is_empty() { Err(inside.held.iter().map(|held| held.visible).min()) } else { Ok(taken) }
    }

    fn remove(inside: &mut Inside, receipt: &str) {
        let id = receipt.split('#').next().unwrap_or_default();
        inside.held.retain(|held| held.id != id);
        inside.deleted.push(id.to_owned());
    }
}

#[async_trait]
impl Queue for Fake {
    async fn receive(&self) -> Result<Vec<Received>, Failure> {
        {
            let mut inside = self.inside.lock();
            inside.receives += 1;
            if let Some(kind) = inside.broken {
                return Err(Failure::new(kind, "broken"));
            }
            if let Some(failure) = inside.receive_failures.pop_front() {
                return Err(failure);
            }
        }
        let end = Instant::now() + WAIT;
        loop {
            let next = match self.take() {
                Ok(taken) => return Ok(taken),
                Err(next) => next.unwrap_or(end).min(end),
            };
            if timeout_at(next, self.came.notified()).await.is_err() && next == end {
                return Ok(Vec::new());
            }
        }
    }

    async fn delete(&self, receipts: &[&str]) -> Result<Vec<Refused>, Failure> {
        let mut inside = self.inside.lock();
        if inside.failing_deletes > 0 {
            inside.failing_deletes -= 1;
            return Err(Failure::new(FailureKind::Service, "failed"));
        }
        let mut refused = Vec::new();
        for (index, receipt) in receipts.iter().enumerate() {
            let id = receipt.split('#').next().unwrap_or_default();
            if inside.refuse_in_batch.contains(id) {
                refused.push(Refused { index, failure: Failure::new(FailureKind::Other, "refused"), ours: false });
            } else {
                Self::remove(&mut inside, receipt);
            }
        }
        Ok(refused)
    }

    async fn delete_one(&self, receipt: &str) -> Result<(), Failure> {
        let mut inside = self.inside.lock();
        inside.deleted_singly += 1;
        Self::remove(&mut inside, receipt);
        Ok(())
    }

    async fn hide(&self, receipts: &[(&str, Duration)]) -> Result<Vec<Refused>, Failure> {
        let now = Instant::now();
        let mut inside = self.inside.lock();
        for (receipt, delay) in receipts {
            let (id, count) = receipt.split_once('#').unwrap_or_default();
            if let Some(held) = inside.held.iter_mut().find(|held| held.id == id && held.count.to_string() == count) {
                held.visible = now + *delay;
            }
            inside.hidden.push((id.to_owned(), *delay));
        }
        drop(inside);
        self.came.notify_one();
        Ok(Vec::new())
    }
}
