//! `intake.sqs`: queues.

use std::time::Duration;

use aws_event_cache_model::{AccountId, Region};
use url::Url;

use crate::address::HttpUrl;
use crate::scalar::{Bad, Scalar};
use crate::schema::{Default, Effect::Restart, Form, Key};
use crate::section::Section;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "intake.sqs",
        form: Form::Section,
        default: Default::None("no queue is read"),
        what: "Queues that are read. Access is AWS's usual: environment, profile, or the role of the pod or machine.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues",
        form: Form::List("queues"),
        default: Default::None("no queue is read"),
        what: "The queues. A message that also comes over HTTP is recognised.",
        when: "Nothing may reach the service from outside, or news must survive its absence for longer than an hour.",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[]",
        form: Form::Section,
        default: Default::None(""),
        what: "One queue.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[].url",
        form: Form::Text("the URL of a queue, such as https://sqs.us-west-2.amazonaws.com/123456789012/changes"),
        default: Default::Required,
        what: "The queue's URL.",
        when: "Always.",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[].region",
        form: Form::Text("an AWS region such as us-west-2"),
        default: Default::None("read from the URL"),
        what: "The queue's region.",
        when: "The URL does not tell it (an emulator, a private endpoint).",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[].endpoint",
        form: Form::Text("an http or https URL"),
        default: Default::None("AWS's own for the region"),
        what: "Where SQS is reached.",
        when: "You use a private endpoint or an emulator.",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[].assumeRole",
        form: Form::Text("the ARN of a role"),
        default: Default::None("our own access is used as it is"),
        what: "The role under which the queue is read.",
        when: "The queue is in another account.",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[].externalId",
        form: Form::Text("the external id"),
        default: Default::None("none is sent"),
        what: "The external id that the role's trust policy asks for.",
        when: "It asks for one.",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[].batches",
        form: Form::Number { least: 1.0, most: 64.0 },
        default: Default::Is("4"),
        what: "How many batches of up to ten messages are worked on at a time.",
        when: "The queue's backlog grows.",
        effect: Restart,
    },
    Key {
        path: "intake.sqs.queues[].visibility",
        form: Form::Duration { least: 10.0, most: 43_200.0 },
        default: Default::Is("60s"),
        what: "How long a message that was received and not yet accepted stays hidden from others.",
        when: "The store is slow, or messages are to come back sooner after a crash.",
        effect: Restart,
    },
];

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// Its URL.
    pub url: Url,
    /// Its region.
    pub region: Region,
    /// Where SQS is reached, if not at AWS's own address.
    pub endpoint: Option<Url>,
    /// The ARN of the role to assume.
    pub assume_role: Option<String>,
    /// The external id that goes with it.
    pub external_id: Option<String>,
    /// How many batches of up to ten messages are worked on at a time.
    pub batches: u32,
    /// How long a message received stays hidden.
    pub visibility: Duration,
}

/// The ARN of a role.
struct RoleArn(String);

impl Scalar for RoleArn {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", _, "iam", "", account, role] = parts.as_slice() else {
            return Err(Bad::new("is not the ARN of a role, such as arn:aws:iam::111122223333:role/queue-reader"));
        };
        match (AccountId::new(account), role.strip_prefix("role/")) {
            (Ok(_), Some(name)) if !name.is_empty() => Ok(Self(text.to_owned())),
            _ => Err(Bad::new("is not the ARN of a role, such as arn:aws:iam::111122223333:role/queue-reader")),
        }
    }
}

/// Reads the section.
pub(crate) fn read(section: &Section<'_>) -> Vec<QueueSettings> {
    section.items("queues").iter().filter_map(queue).collect()
}

fn queue(item: &Section<'_>) -> Option<QueueSettings> {
    let url = item.value::<HttpUrl>("url").map(|url| url.0);
    let given = item.value::<Region>("region");
    let endpoint = item.value::<HttpUrl>("endpoint").map(|url| url.0);
    let (batches, visibility) = (item.value("batches"), item.value("visibility"));
    let assume_role = item.value::<RoleArn>("assumeRole").map(|role| role.0);
    let external_id = item.value("externalId");
    if item.has("externalId") && !item.has("assumeRole") {
        item.wrong("externalId", "has no meaning without assumeRole");
    }
    let url = url?;
    if url.path().ends_with(".fifo") {
        item.doubtful("url", "is a FIFO queue: AWS services do not publish to FIFO topics, so it may stay empty");
    }
    let told = region_of(&url);
    match (&given, &told) {
        (Some(given), Some(told)) if given != told => {
            item.wrong("region", format!("is {given}, but the URL says {told}"))
        }
        (None, None) if !item.has("region") => item.wrong("region", "must be given, since the URL does not tell it"),
        _ => {}
    }
    Some(QueueSettings {
        url,
        region: given.or(told)?,
        endpoint,
        assume_role,
        external_id,
        batches: batches?,
        visibility: visibility?,
    })
}

/// The region in a queue's URL: `sqs.<region>.amazonaws.com`, or the older `<region>.queue.amazonaws.com` and `queue.amazonaws.com` (us-east-1), as the
/// SQS developer guide lists them.
fn region_of(url: &Url) -> Option<Region> {
    let host = url.host_str()?;
    if host == "queue.amazonaws.com" {
        return Region::new("us-east-1").ok();
    }
    let mut parts = host.split('.');
    match (parts.next()?, parts.next()?) {
        ("sqs" | "sqs-fips", region) => Region::new(region).ok(),
        (region, "queue") => Region::new(region).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_the_urls_that_aws_gives() {
        for (url, region) in [
            ("https://sqs.us-west-2.amazonaws.com/123456789012/q", Some("us-west-2")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", Some("cn-north-1")),
            ("https://eu-west-1.queue.amazonaws.com/123456789012/q", Some("eu-west-1")),
            ("https://queue.amazonaws.com/123456789012/q", Some("us-east-1")),
            ("http://localhost:4566/000000000000/q", None),
        ] {
            assert_eq!(region_of(&Url::parse(url).unwrap()).as_ref().map(Region::as_str), region, "{url}");
        }
    }
}
