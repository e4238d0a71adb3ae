//! What an operator can set. Plain values: the configuration file's form is not known here.

use std::collections::HashSet;
use std::time::Duration;

use aws_event_cache_model::AccountId;

use crate::topic::Topic;

/// A topic whose messages are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedTopic {
    /// The topic: its exact ARN.
    pub topic: Topic,
    /// Whether its messages must be signed with version 2. Set the topic's `SignatureVersion` attribute to `2` first.
    pub require_v2: bool,
}

/// Raw delivery: the text alone, with nothing that proves its sender but the credentials in the subscription's URL
/// (`https://user:password@host/<path>/<secret>`).
#[derive(Clone, PartialEq, Eq)]
pub struct RawDelivery {
    /// Path before the secret, such as `/v1/sns-raw`.
    pub path: String,
    /// The last part of the path.
    pub secret: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for RawDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawDelivery").field("path", &self.path).field("user", &self.user).finish_non_exhaustive()
    }
}

/// What a relay before us, such as the bridge plugin in Gate, proves itself with.
#[derive(Clone, PartialEq, Eq)]
pub struct RelaySecret(pub String);

impl std::fmt::Debug for RelaySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RelaySecret")
    }
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the SNS endpoint listens.
    pub paths: Vec<String>,
    /// Topics whose messages are taken and whose subscriptions are confirmed. A signature proves only that SNS sent a message, not that it is for us:
    /// anybody can point a topic of their own here. So these two lists are the real check of who may speak.
    pub topics: Vec<AllowedTopic>,
    /// Accounts of which every topic is taken. Exact ids; there are no patterns.
    pub topic_accounts: Vec<AccountId>,
    /// Whether every message must be signed with version 2 (SHA-256).
    pub require_v2: bool,
    /// How old a notification may be. Two hours: SNS retries for one hour at most (Amazon SNS developer guide, "Message delivery retries"), and delays of
    /// 46 minutes on top are on record.
    pub max_age: Duration,
    /// How far ahead of our clock a message may be.
    pub max_ahead: Duration,
    /// How old a confirmation may be: SNS's retries, and no more. Always strict.
    pub confirmation_max_age: Duration,
    /// Whether notifications outside the window are refused. Otherwise they are taken as less urgent and counted: a late one costs one needless refresh, a
    /// refused one loses a change.
    pub strict_age: bool,
    /// Longest body in bytes. 1 MiB holds any message of 256 KiB, the most that SNS sends over HTTP, with every character escaped.
    pub body_limit: usize,
    /// How many requests are worked on at a time; more are told to come back.
    pub in_flight: usize,
    /// Time for one request as a whole. SNS gives up after 15 s, and an answer it no longer waits for makes it send the message again.
    pub request_timeout: Duration,
    /// How many accepted messages are remembered, at about 40 bytes each: 100 a second for the two hours of `max_age`.
    pub replay_capacity: usize,
    /// Whether envelopes that come through a queue are verified too. A queue is trusted by its policy, so this is a second lock;
    /// bare payloads carry no signature and stay trusted by the policy alone.
    pub verify_queue_envelopes: bool,
    /// If set, a request on one of `paths` that does not carry it as `X-AWS-Event-Cache-Secret` is refused before anything else of it is read: nobody but the
    /// relay can even make us check a signature. Raw delivery has secrets of its own and does not need it.
    pub relay_secret: Option<RelaySecret>,
    /// Raw delivery, if an operator insists.
    pub raw: Option<RawDelivery>,
    /// Replaces `https://<SNS host>` (so no slash at its end) in certificate and confirmation addresses, for topics that are not AWS's: tests and emulators. Never in production:
    /// whoever controls that address can forge messages.
    pub endpoint_base: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            paths: vec!["/v1/sns".into(), "/webhooks/aws-event-cache".into()],
            topics: Vec::new(),
            topic_accounts: Vec::new(),
            require_v2: false,
            max_age: Duration::from_secs(2 * 3600),
            max_ahead: Duration::from_secs(300),
            confirmation_max_age: Duration::from_secs(3600),
            strict_age: false,
            body_limit: 1024 * 1024,
            in_flight: 256,
            request_timeout: Duration::from_secs(10),
            replay_capacity: 720_000,
            verify_queue_envelopes: false,
            relay_secret: None,
            raw: None,
            endpoint_base: None,
        }
    }
}

/// Which topics may speak: the settings, ready for look-up.
#[derive(Debug)]
pub(crate) struct AllowedTopics {
    topics: HashSet<String>,
    v2_topics: HashSet<String>,
    accounts: HashSet<AccountId>,
    require_v2: bool,
}

impl AllowedTopics {
    pub(crate) fn of(settings: &Settings) -> Self {
        let arn = |allowed: &AllowedTopic| allowed.topic.arn().to_owned();
        Self {
            topics: settings.topics.iter().map(arn).collect(),
            v2_topics: settings.topics.iter().filter(|allowed| allowed.require_v2).map(arn).collect(),
            accounts: settings.topic_accounts.iter().cloned().collect(),
            require_v2: settings.require_v2,
        }
    }

    pub(crate) fn allow(&self, topic: &Topic) -> bool {
        self.topics.contains(topic.arn()) || self.accounts.contains(topic.account())
    }

    pub(crate) fn require_v2(&self, topic: &Topic) -> bool {
        self.require_v2 || self.v2_topics.contains(topic.arn())
    }
}
