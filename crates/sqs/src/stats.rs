//! What `status` shows of a queue.

use std::collections::BTreeMap;

use aws_event_cache_model::{Region, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

use crate::batch::Verdict;
use crate::failure::{Failure, FailureKind};

/// A queue at this moment. Counts are since the start of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// The queue's URL.
    pub url: String,
    /// Its region.
    pub region: Region,
    /// What is being done.
    pub state: QueueState,
    /// When a receive last succeeded, with or without messages.
    pub last_receive: Option<Timestamp>,
    /// When a message last came.
    pub last_message: Option<Timestamp>,
    /// Messages received.
    pub received: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages that can never be accepted, by reason.
    pub poison: BTreeMap<&'static str, u64>,
    /// Messages given back to the queue.
    pub returned: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Deletions given up: these messages come again.
    pub not_deleted: u64,
    /// Messages being worked on.
    pub in_hand: u64,
    /// Failed receives.
    pub receive_failures: u64,
    /// The last failure, in plain words; it stays until the next one.
    pub last_error: Option<LastError>,
}

/// What is being done about a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueState {
    /// Not yet begun.
    Starting,
    /// Waiting for messages.
    Receiving,
    /// Every batch that may be worked on is: nothing more is received until one is done.
    Busy,
    /// Pausing after a failure.
    BackingOff,
    /// Ended.
    Stopped,
}

/// A failure that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// Its class.
    pub kind: FailureKind,
    /// What it means, and what the other side said.
    pub words: String,
}

/// Written by the queue's lane, read by anybody.
#[derive(Debug)]
pub(crate) struct Board(Mutex<QueueStats>);

impl Board {
    pub(crate) fn new(url: String, region: Region) -> Self {
        Self(Mutex::new(QueueStats {
            url,
            region,
            state: QueueState::Starting,
            last_receive: None,
            last_message: None,
            received: 0,
            accepted: 0,
            poison: BTreeMap::new(),
            returned: 0,
            deleted: 0,
            not_deleted: 0,
            in_hand: 0,
            receive_failures: 0,
            last_error: None,
        }))
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut QueueStats)) {
        change(&mut self.0.lock());
    }

    /// Messages that are no longer in hand.
    pub(crate) fn settled(&self, messages: u64, returned: u64, verdicts: &[Verdict]) {
        self.note(|stats| {
            stats.in_hand = stats.in_hand.saturating_sub(messages);
            stats.returned += returned;
            for verdict in verdicts {
                match verdict {
                    Verdict::Accepted => stats.accepted += 1,
                    Verdict::Poison(reason) => *stats.poison.entry(*reason).or_default() += 1,
                    Verdict::TryAgain => {}
                }
            }
        });
    }

    pub(crate) fn failed(&self, at: Timestamp, failure: &Failure) {
        let error = LastError { at, kind: failure.kind, words: failure.to_string() };
        self.note(|stats| stats.last_error = Some(error));
    }

    pub(crate) fn read(&self) -> QueueStats {
        self.0.lock().clone()
    }
}
