//! `intake`: the SNS endpoint and the heartbeat.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_model::{AccountId, Environment, Profile};
use url::Url;

use crate::address::HttpUrl;
use crate::duration::show;
use crate::scalar::read_words;
use crate::schema::{Default, Effect::Restart, Form, Key};
use crate::secret::Secret;
use crate::section::Section;
use crate::sections::certificates::{self, CertificateSettings};
use crate::sections::sqs::{self, QueueSettings};
use crate::sections::topic::{ServedPath, TopicArn};

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "intake",
        form: Form::Section,
        default: Default::None("no message is accepted"),
        what: "Where news from AWS comes in.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "intake.heartbeat",
        form: Form::Section,
        default: Default::None("its keys' defaults"),
        what: "The scheduled event that tells that a stream lives.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "intake.heartbeat.expectedEvery",
        form: Form::Duration { least: 30.0, most: 86_400.0 },
        default: Default::Is("1m"),
        what: "How often your heartbeat rule fires. Checked against each profile's `heartbeat.silentAfter`.",
        when: "The rule has another rate.",
        effect: Restart,
    },
    Key {
        path: "intake.relaySecret",
        form: Form::Secret("at least 16 printable ASCII characters without spaces"),
        default: Default::None("whoever reaches the endpoint may try; signatures decide"),
        what: "What the bridge plugin in Gate proves itself with (`aws-event-cache.secret` there): a request on `intake.sns.paths` that does not carry it as `X-AWS-Event-Cache-Secret` is refused with 403 before its body is read. Raw delivery has secrets of its own. SNS does not try again after a 403, so set it on both sides before you subscribe the topic.",
        when: "All messages come through Gate's plugin, and others can reach the endpoint too.",
        effect: Restart,
    },
    Key {
        path: "intake.sns",
        form: Form::Section,
        default: Default::None("no message is accepted"),
        what: "The endpoint to which SNS posts.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "intake.sns.enabled",
        form: Form::Flag,
        default: Default::Is("true"),
        what: "Whether it is served at all.",
        when: "You only use SQS.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.paths",
        form: Form::Values("paths that begin with /"),
        default: Default::Is("/v1/sns, /webhooks/aws-event-cache"),
        what: "Where it is served. The second is what Gate's proxy passes on.",
        when: "Your ingress or Gate uses another path.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.topics",
        form: Form::Values("ARNs of SNS topics"),
        default: Default::None("only those of `accounts`"),
        what: "Topics whose messages are accepted and whose subscriptions are confirmed. Anybody can sign with SNS, so this list is what keeps strangers out.",
        when: "Always, unless you use `accounts` or only SQS.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.accounts",
        form: Form::Values("AWS account ids: 12 digits in quotes"),
        default: Default::None("only `topics`"),
        what: "Accounts of which every topic is accepted.",
        when: "You trust everybody who can create a topic there.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.requireSignatureV2",
        form: Form::Flag,
        default: Default::Is("false"),
        what: "Refuse messages signed with SHA-1 (version 1, what SNS does unless the topic says otherwise).",
        when: "All your topics have `SignatureVersion` 2.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.maxAge",
        form: Form::Duration { least: 300.0, most: 86_400.0 },
        default: Default::Is("2h"),
        what: "How old a message may be. SNS tries for one hour at most, and delays of 46 minutes on top are on record.",
        when: "Your topic has a retry policy of its own.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.tooOld",
        form: Form::Words(TOO_OLD),
        default: Default::Is("accept"),
        what: "What becomes of older messages: `accept` takes them as less urgent (a needless read costs less than a lost change), `refuse` does not.",
        when: "A rule of yours demands it.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.verifyQueueEnvelopes",
        form: Form::Flag,
        default: Default::Is("false"),
        what: "Whether SNS messages that come through a queue are verified like those over HTTP. A queue is trusted by its policy; this is a second lock.",
        when: "Others can write to the queue.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.endpoint",
        form: Form::Text("an http or https URL"),
        default: Default::None("AWS's own, computed from the topic"),
        what: "Replaces SNS's address for certificates and confirmations. Whoever controls that address can forge messages.",
        when: "You test against an emulator of SNS; never in production.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.publicUrl",
        form: Form::Text("an http or https URL such as https://spinnaker-gate.example.com/webhooks/aws-event-cache"),
        default: Default::None("doctor cannot look whether it is reached"),
        what: "The URL to which SNS posts, as the world sees it: the endpoint of the subscription. The service itself does not use it; `doctor` posts a probe to it, and looks for a subscription that has it; `aws-setup` subscribes it.",
        when: "SNS reaches the service over HTTPS.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.rawDelivery",
        form: Form::Section,
        default: Default::None("raw messages are refused"),
        what: "Accept messages without envelope and signature. Nothing proves their sender but the password and the secret path in the subscription's URL.",
        when: "You cannot turn raw delivery off in the subscription.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.rawDelivery.path",
        form: Form::Text("a path that begins with /"),
        default: Default::Is("/v1/sns-raw"),
        what: "Where they are accepted: this path, a slash and the secret.",
        when: "Your ingress uses another path.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.rawDelivery.secret",
        form: Form::Secret("at least 16 letters, digits, - or _"),
        default: Default::Required,
        what: "The last part of the path.",
        when: "Always, with raw delivery.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.rawDelivery.username",
        form: Form::Text("a user name"),
        default: Default::Required,
        what: "The user in the subscription's URL.",
        when: "Always, with raw delivery.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.rawDelivery.password",
        form: Form::Secret("a password"),
        default: Default::Required,
        what: "The password in the subscription's URL.",
        when: "Always, with raw delivery.",
        effect: Restart,
    },
];

/// What becomes of messages older than `maxAge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooOld {
    /// Taken as less urgent.
    Accept,
    /// Refused.
    Refuse,
}

read_words! {
    TOO_OLD for TooOld { "accept" => TooOld::Accept, "refuse" => TooOld::Refuse }
}

/// Where news comes in.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// The SNS endpoint; also the rules for SNS messages that come through a queue.
    pub sns: SnsSettings,
    /// The queues.
    pub queues: Vec<QueueSettings>,
    /// What a relay must prove itself with on the SNS paths; checked to be at least 16 printable characters.
    pub relay_secret: Option<Secret>,
    /// How often each place's heartbeat is to come.
    pub heartbeat_every: Duration,
}

/// The SNS endpoint.
#[derive(Debug, Clone)]
pub struct SnsSettings {
    /// Whether it is served.
    pub enabled: bool,
    /// Where.
    pub paths: Vec<String>,
    /// Topics that may speak.
    pub topics: Vec<TopicArn>,
    /// Accounts of which every topic may speak.
    pub accounts: Vec<AccountId>,
    /// Whether signatures of version 1 are refused.
    pub require_signature_v2: bool,
    /// How old a message may be.
    pub max_age: Duration,
    /// What becomes of older ones.
    pub too_old: TooOld,
    /// Whether envelopes from queues are verified.
    pub verify_queue_envelopes: bool,
    /// Stands for SNS in tests.
    pub endpoint: Option<Url>,
    /// Where SNS posts to, as seen from outside; only `doctor` uses it.
    pub public_url: Option<Url>,
    /// Raw delivery.
    pub raw: Option<RawSettings>,
    /// How signing certificates are checked.
    pub certificates: CertificateSettings,
}

/// Raw delivery.
#[derive(Debug, Clone)]
pub struct RawSettings {
    /// Path before the secret.
    pub path: String,
    /// The last part of the path.
    pub secret: Secret,
    /// User.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Reads the section.
pub(crate) fn read(root: &Section<'_>, profiles: &BTreeMap<Environment, Profile>) -> Option<IntakeSettings> {
    let section = root.section("intake");
    let sns = sns(&section.section("sns"));
    let queues = sqs::read(&section.section("sqs"));
    let heartbeat_every = section.section("heartbeat").value("expectedEvery");
    if let Some(every) = heartbeat_every {
        heartbeat(root, &section.section("heartbeat"), every, profiles);
    }
    let silent = sns.as_ref().is_some_and(|sns| !sns.enabled || (sns.topics.is_empty() && sns.accounts.is_empty()));
    if silent && queues.is_empty() && !section.section("sqs").has("queues") {
        let problem = "nothing can be heard: list topics (or their accounts) under sns, or queues under sqs; until then Clouddriver polls as stock";
        section.doubtful("", problem);
    }
    let relay_secret = header_secret(&section, "relaySecret");
    if relay_secret.is_some() && sns.as_ref().is_some_and(|sns| !sns.enabled) {
        section.doubtful("relaySecret", "has no effect, since intake.sns.enabled is false");
    }
    Some(IntakeSettings { sns: sns?, queues, relay_secret, heartbeat_every: heartbeat_every? })
}

/// A profile that calls a stream silent before its next heartbeat can come would never let anything be held.
fn heartbeat(root: &Section<'_>, heartbeat: &Section<'_>, every: Duration, profiles: &BTreeMap<Environment, Profile>) {
    for (name, profile) in profiles {
        let path = format!("environments.{name}.heartbeat.silentAfter");
        if profile.silent_after <= every {
            let problem = format!(
                "{} is not less than {path}, {}: every stream would count as lost",
                show(every),
                show(profile.silent_after)
            );
            match root.section("environments").section_named(name.as_str()) {
                Some(section) if section.section("heartbeat").has("silentAfter") => {
                    let problem = format!(
                        "{} must be more than intake.heartbeat.expectedEvery, {}: every stream would count as lost",
                        show(profile.silent_after),
                        show(every)
                    );
                    section.section("heartbeat").wrong("silentAfter", problem);
                }
                _ => heartbeat.wrong("expectedEvery", problem),
            }
        } else if profile.silent_after < every * 2 {
            heartbeat.doubtful(
                "expectedEvery",
                format!(
                    "is more than half of {path}, {}: one lost heartbeat ends all holds",
                    show(profile.silent_after)
                ),
            );
        }
    }
}

fn sns(section: &Section<'_>) -> Option<SnsSettings> {
    let enabled = section.value("enabled");
    let paths: Vec<String> = section.values::<ServedPath>("paths").into_iter().map(|(path, _)| path.0).collect();
    let topics = section.values::<TopicArn>("topics").into_iter().map(|(topic, _)| topic).collect();
    let accounts = section.values::<AccountId>("accounts").into_iter().map(|(account, _)| account).collect();
    let require_signature_v2 = section.value("requireSignatureV2");
    let max_age = section.value("maxAge");
    let too_old = section.value("tooOld");
    let verify_queue_envelopes = section.value("verifyQueueEnvelopes");
    let endpoint = section.value::<HttpUrl>("endpoint").map(|url| url.0);
    let public_url = section.value::<HttpUrl>("publicUrl").map(|url| url.0);
    let raw = section.has("rawDelivery").then(|| raw(&section.section("rawDelivery")));
    let certificates = certificates::read(&section.section("certificates"));
    if section.is_empty_list("paths") {
        section.wrong("paths", "holds no path; set enabled: false to serve none");
    }
    if endpoint.is_some() {
        section.doubtful("endpoint", "stands for SNS: whoever controls it can forge messages");
    }
    if raw.as_ref().is_some_and(Option::is_some) {
        section.doubtful("rawDelivery", "is on: nothing proves who sent a raw message but the secrets in its URL");
    }
    Some(SnsSettings {
        enabled: enabled?,
        paths,
        topics,
        accounts,
        require_signature_v2: require_signature_v2?,
        max_age: max_age?,
        too_old: too_old?,
        verify_queue_envelopes: verify_queue_envelopes?,
        endpoint,
        public_url,
        raw: raw.flatten(),
        certificates: certificates?,
    })
}

/// Shortest secret that nobody finds by trying: 16 letters and digits are 95 bits.
const SECRET_LEAST: usize = 16;

/// A secret that travels in a header, so nothing but what a header can hold.
pub(crate) fn header_secret(section: &Section<'_>, key: &str) -> Option<Secret> {
    let secret = section.secret(key)?;
    let text = secret.expose();
    if text.len() < SECRET_LEAST || !text.bytes().all(|b| b.is_ascii_graphic()) {
        section.wrong(key, "must be at least 16 printable ASCII characters without spaces");
        return None;
    }
    if section.is_plain(key) {
        section.doubtful(key, "stands here in plain text; use {file: PATH} or {env: NAME}");
    }
    Some(secret)
}

fn raw(section: &Section<'_>) -> Option<RawSettings> {
    let path = section.value::<ServedPath>("path").map(|path| path.0);
    let secret = section.secret("secret");
    let username = section.value("username");
    let password = section.secret("password");
    let fits = |secret: &Secret| {
        let text = secret.expose();
        text.len() >= SECRET_LEAST && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if secret.as_ref().is_some_and(|secret| !fits(secret)) {
        section.wrong("secret", "must be at least 16 letters, digits, - or _");
    }
    for key in ["secret", "password"].into_iter().filter(|key| section.is_plain(key)) {
        section.doubtful(key, "stands here in plain text; use {file: PATH} or {env: NAME}");
    }
    Some(RawSettings { path: path?, secret: secret?, username: username?, password: password? })
}
