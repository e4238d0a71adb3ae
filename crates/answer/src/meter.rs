//! One line of the books: an operation of a place.

use std::time::Duration;

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answered {
    /// From memory.
    Hit,
    /// From memory, past its age, since AWS throttled or failed.
    StaleHit,
    /// By AWS, to be learned.
    Miss,
    /// By a call that was under way already.
    Collapsed,
    /// By AWS, unseen.
    Bypass,
    /// By AWS: a write.
    Write,
    /// By us, with AWS's own words for too many calls.
    Refused,
}

/// How an upstream call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// With an answer.
    Ok,
    /// Refused for the rate of calls.
    Throttled,
    /// Without an answer, or with a server's error.
    Failed,
}

/// One line of the books.
#[derive(Debug, Default)]
pub struct Meter {}

impl Meter {
    /// Notes an answer given to a client and the length of its body.
    pub fn answered(&self, how: Answered, bytes: u64) {
        let _ = (how, bytes);
    }

    /// Notes an upstream call.
    pub fn upstream(&self, end: Upstream, took: Duration) {
        let _ = (end, took);
    }
}
