//! From a message's text to hints. Pure.
//!
//! A decoder only finds out *what to look at again*: which account, region, kind and names. Values in the payload are old by the time they arrive, come
//! twice and out of order, and are never used. Account and region come from the payload and never from the topic, since one topic may serve many. Which
//! names belong to which kind is the catalogue's knowledge; here are only the envelopes in which AWS wraps it.
//!
//! Whatever is decoded is a sign of life of its place. What is not understood is no error: it is counted and sampled, since an error would make the
//! sender repeat it.
//!
//! | first match wins | payload |
//! |---|---|
//! | not a JSON object | CloudFormation's own text, AWS Config's e-mail, or unknown |
//! | `detail-type`, `source`, `detail` | EventBridge, by source and detail-type |
//! | `messageType` | AWS Config |
//! | `invokingEvent` | AWS Config for a rule: the text in it is decoded |
//! | `configurationItem` array and `MessageVersion` | AWS Config of 2014 |
//! | `Event` beginning with `autoscaling:` | Auto Scaling notification |
//! | `LifecycleTransition` | Auto Scaling lifecycle hook |
//! | `AlarmName` and `NewStateValue` | CloudWatch alarm |
//! | `Records` | S3 and others: dismissed |
//! | `Type` `Notification` and `Message` | SNS in SNS or SQS: unwrapped |
//!
//! Invariants (property-tested): decoding never panics, and every hint's place is one that the payload names.

mod alarm;
mod call;
mod config;
mod event;
mod facts;
mod scaling;
mod stack;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{Hint, Origin, Place, Region, Source, Timestamp, What};
use serde_json::Value;
use smol_str::SmolStr;

use facts::{Facts, text};

/// How many envelopes may lie around a payload: EventBridge in SNS in SQS is two, and a rule's event one more.
const UNWRAP_LIMIT: usize = 3;

/// How far a message can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its signature was verified.
    Signed,
    /// It came through a queue, to which only the queue's policy lets anybody send.
    Queue,
    /// Raw delivery: nothing proves the sender but the credentials of the subscription. Nothing is unwrapped, so it cannot pass for an envelope.
    Raw,
    /// An operator's file.
    File,
}

/// What is known about a message beside its text.
#[derive(Debug, Clone)]
pub struct Context {
    /// The way in.
    pub source: Source,
    /// The sender's id of the message; for logs.
    pub id: SmolStr,
    /// The region of the topic or queue: taken only for Auto Scaling's lifecycle messages, which name none.
    pub region: Option<Region>,
    /// The topic's ARN, the queue's URL or the file's name; for logs and samples.
    pub origin: SmolStr,
    /// How far it can be trusted.
    pub trust: Trust,
}

macro_rules! payloads {
    ($($(#[$doc:meta])* $variant:ident => $word:literal,)*) => {
        /// What a message turned out to be: a closed set, for labels.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Payload {
            $($(#[$doc])* $variant,)*
        }
        impl Payload {
            /// Every payload, for documents and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// As a metric label and in logs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

payloads! {
    /// AWS Config: an item changed.
    ConfigItem => "config-item",
    /// AWS Config: an item changed and is too large to be sent whole.
    ConfigOversized => "config-oversized",
    /// AWS Config in the format of 2014.
    Config2014 => "config-2014",
    /// AWS Config: snapshots, history, compliance, evaluations.
    ConfigReport => "config-report",
    /// AWS Config by e-mail, forwarded.
    ConfigMail => "config-mail",
    /// An event of a service through EventBridge.
    ServiceEvent => "service-event",
    /// An API call that CloudTrail recorded.
    Call => "call",
    /// Something that a service did by itself, recorded by CloudTrail.
    ServiceAction => "service-action",
    /// A quota request changed its state.
    Quota => "quota",
    /// The scheduled event: our heartbeat.
    Heartbeat => "heartbeat",
    /// Auto Scaling's own notification.
    ScalingNotification => "scaling-notification",
    /// Auto Scaling's lifecycle hook.
    LifecycleHook => "lifecycle-hook",
    /// A CloudWatch alarm.
    CloudWatchAlarm => "cloudwatch-alarm",
    /// CloudFormation's own notification.
    StackText => "cloudformation-text",
    /// S3 and whoever else sends `Records`.
    Records => "records",
    /// Not understood.
    Unknown => "unknown",
}

/// Whether a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It leads to hints that change something.
    Relevant,
    /// Understood, and nothing follows.
    NoInterest,
    /// Not understood.
    Unknown,
}

/// What an operator should know about the sender's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Warning {
    /// The recorder sends one item per resource and day: useless as a trigger.
    DailyRecording,
    /// The recorder does not record this type: its changes will not be heard of.
    NotRecorded,
    /// AWS Config could not deliver to its bucket.
    DeliveryFailed,
}

impl Warning {
    /// One sentence for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DailyRecording => {
                "AWS Config records daily here, which is too late to be of use; set continuous recording"
            }
            Self::NotRecorded => {
                "AWS Config does not record this resource type here; its changes come by other feeds only"
            }
            Self::DeliveryFailed => "AWS Config cannot deliver to its bucket",
        }
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What follows. Empty when no place is named.
    pub hints: Vec<Hint>,
    /// What it was.
    pub payload: Payload,
    /// Whether it matters.
    pub standing: Standing,
    /// The place that gave a sign of life.
    pub heard: Option<Place>,
    /// What the operator should know.
    pub warning: Option<Warning>,
}

/// Decodes one message.
pub fn decode(message: &str, context: &Context, catalog: &Catalog, now: Timestamp) -> Decoded {
    let unwrap = if context.trust == Trust::Raw { 0 } else { UNWRAP_LIMIT };
    let facts = Decoder { context, catalog }.text(message, unwrap);
    let event = facts.event.clone();
    let id = facts.id.clone().unwrap_or_else(|| context.id.clone());
    let heard = facts.heard.clone();
    let mut said = facts.said;
    if let (true, Some(place)) = (said.is_empty(), &heard) {
        said.push((place.clone(), What::SignOfLife));
    }
    let hint = |(place, what)| Hint {
        place,
        what,
        occurred: facts.occurred,
        received: now,
        origin: Origin { source: context.source, id: id.clone(), event: event.clone() },
    };
    Decoded {
        hints: said.into_iter().map(hint).collect(),
        payload: facts.payload,
        standing: facts.standing,
        heard,
        warning: facts.warning,
    }
}

/// What every decoder needs.
struct Decoder<'a> {
    context: &'a Context,
    catalog: &'a Catalog,
}

impl Decoder<'_> {
    fn text(&self, message: &str, unwrap: usize) -> Facts {
        match serde_json::from_str::<Value>(message) {
            Ok(value) if value.is_object() => self.object(&value, unwrap),
            Ok(_) => Facts::of(Payload::Unknown),
            Err(_) => self.plain(message),
        }
    }

    fn plain(&self, message: &str) -> Facts {
        if let Some(facts) = self.stack(message) {
            facts
        } else if config::is_mail(message) {
            Facts::of(Payload::ConfigMail)
        } else {
            Facts::of(Payload::Unknown)
        }
    }

    fn object(&self, value: &Value, unwrap: usize) -> Facts {
        let has = |name: &str| value.get(name).is_some();
        if text(value, "detail-type").is_some() && text(value, "source").is_some() && value["detail"].is_object() {
            self.event(value)
        } else if let Some(message_type) = text(value, "messageType") {
            self.config(value, message_type, None)
        } else if let Some(inner) = text(value, "invokingEvent") {
            self.inside(inner, unwrap)
        } else if value["configurationItem"].is_array() && has("MessageVersion") {
            self.config_2014(value)
        } else if let Some(facts) = self.scaling(value) {
            facts
        } else if has("AlarmName") && has("NewStateValue") {
            self.alarm(value)
        } else if value["Records"].is_array() {
            Facts::of(Payload::Records)
        } else if text(value, "Type") == Some("Notification")
            && let Some(inner) = text(value, "Message")
        {
            self.inside(inner, unwrap)
        } else {
            Facts::of(Payload::Unknown)
        }
    }

    fn inside(&self, inner: &str, unwrap: usize) -> Facts {
        match unwrap.checked_sub(1) {
            Some(unwrap) => self.text(inner, unwrap),
            None => Facts::of(Payload::Unknown),
        }
    }
}
