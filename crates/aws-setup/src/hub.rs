//! Hubs: where events come together, read from the topics and queues of the configuration.

use aws_event_cache_config::IntakeSettings;
use aws_event_cache_model::{AccountId, Place, Region};

use crate::place::partition;

/// One account and region with an event bus, and the topic or queue (or both) that the service listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    /// Where it is.
    pub place: Place,
    /// Name of the topic.
    pub topic: Option<String>,
    /// Name of the queue.
    pub queue: Option<String>,
    /// How long a message received from the queue stays hidden, in seconds.
    pub visibility: u64,
}

/// What the queue's `visibility` is where the configuration has none: its default.
const VISIBILITY_SECONDS: u64 = 60;

impl Hub {
    /// The hubs of a configuration: each place with a topic of `intake.sns.topics` or a queue of `intake.sqs.queues`, in the order in which they are named.
    /// Queues whose URL does not name an account (a stand-in for tests) are passed over.
    pub fn all(intake: &IntakeSettings) -> Vec<Self> {
        let mut hubs: Vec<Self> = Vec::new();
        for topic in intake.sns.topics.iter().filter(|_| intake.sns.enabled) {
            if let Some((place, name)) = topic_at(topic.as_str()) {
                at(&mut hubs, place).topic.get_or_insert(name);
            }
        }
        for queue in &intake.queues {
            if let Some((place, name)) = queue_at(queue.url.path(), &queue.region) {
                let hub = at(&mut hubs, place);
                hub.queue.get_or_insert(name);
                hub.visibility = queue.visibility.as_secs();
            }
        }
        hubs
    }

    /// The ARN of something of ours in it.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let (account, region) = (self.place.account.as_str(), self.place.region.as_str());
        format!("arn:{}:{service}:{region}:{account}:{resource}", partition(region))
    }

    /// The bus that members send to.
    pub(crate) fn bus_arn(&self, prefix: &str) -> String {
        self.arn("events", &format!("event-bus/{prefix}"))
    }
}

fn at(hubs: &mut Vec<Hub>, place: Place) -> &mut Hub {
    let n = hubs.iter().position(|hub| hub.place == place).unwrap_or_else(|| {
        hubs.push(Hub { place, topic: None, queue: None, visibility: VISIBILITY_SECONDS });
        hubs.len() - 1
    });
    &mut hubs[n]
}

/// `arn:aws:sns:<region>:<account>:<name>`.
fn topic_at(arn: &str) -> Option<(Place, String)> {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (Region::new(parts.next()?).ok()?, AccountId::new(parts.next()?).ok()?);
    Some((Place::new(account, region), parts.next()?.to_owned()))
}

/// `/<account>/<name>`.
fn queue_at(path: &str, region: &Region) -> Option<(Place, String)> {
    let (account, name) = path.trim_start_matches('/').split_once('/')?;
    Some((Place::new(AccountId::new(account).ok()?, region.clone()), name.to_owned()))
}
