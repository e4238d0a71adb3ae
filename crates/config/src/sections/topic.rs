//! Topics that may speak, and the paths on which they are heard.

use aws_event_cache_model::{AccountId, Region};

use crate::scalar::{Bad, Scalar};
use crate::schema::Form;

/// The ARN of an SNS topic, checked part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn(String);

impl TopicArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Partitions that have SNS, as the endpoint tables of AWS's SDKs name them.
const PARTITIONS: &str = "aws aws-cn aws-us-gov aws-iso aws-iso-b aws-iso-e aws-iso-f aws-eusc";

impl Scalar for TopicArn {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        let bad = |help: &str| {
            Bad::new("is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:111122223333:changes").help(help)
        };
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, service, region, account, name] = parts.as_slice() else {
            return Err(bad(if parts.len() == 7 {
                "that is a subscription; give its topic"
            } else {
                "it must have six parts"
            }));
        };
        if *service != "sns" {
            return Err(bad(if *service == "sqs" {
                "queues belong under intake.sqs.queues"
            } else {
                "it is of another service"
            }));
        }
        if !PARTITIONS.split(' ').any(|known| known == *partition) {
            return Err(bad("its partition is unknown"));
        }
        if name.ends_with(".fifo") {
            return Err(bad("FIFO topics do not deliver over HTTP, and AWS services do not publish to them"));
        }
        let named = !name.is_empty()
            && name.len() <= 256
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        match (Region::new(region), AccountId::new(account)) {
            (Err(_), _) => Err(bad("its region is none")),
            (_, Err(_)) => Err(bad("its account id has not 12 digits")),
            _ if name.contains('*') => Err(bad("there are no patterns; accounts admits every topic of an account")),
            _ if !named => Err(bad("its name is not 1 to 256 letters, digits, - or _")),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// A path on which something is served.
pub(crate) struct ServedPath(pub(crate) String);

impl Scalar for ServedPath {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        let valid = text.starts_with('/')
            && text.len() > 1
            && text.len() <= 200
            && !text.contains("//")
            && !text.ends_with('/')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b));
        if valid {
            return Ok(Self(text.to_owned()));
        }
        let bad = Bad::new("is not a path such as /v1/sns (letters, digits, - _ . ~ and /, none at its end)");
        Err(if text.starts_with("http") { bad.help("leave out scheme and host") } else { bad })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form::Text("an ARN");

    #[test]
    fn topics_of_every_partition_are_taken_and_look_alikes_explained() {
        for text in ["arn:aws:sns:eu-west-1:111122223333:changes", "arn:aws-cn:sns:cn-north-1:111122223333:a_b-c"] {
            assert_eq!(TopicArn::read(text, true, &FORM).ok().unwrap().as_str(), text);
        }
        for (text, says) in [
            ("arn:aws:sqs:eu-west-1:111122223333:changes", "intake.sqs.queues"),
            ("arn:aws:sns:eu-west-1:111122223333:changes:6b0e71bd", "subscription"),
            ("arn:aws:sns:eu-west-1:111122223333:*", "no patterns"),
            ("arn:aws:sns:eu-west-1:11112222333:changes", "12 digits"),
            ("arn:aws:sns:eu-west:111122223333:changes", "region"),
            ("arn:aws:sns:eu-west-1:111122223333:changes.fifo", "FIFO"),
            ("arn:awz:sns:eu-west-1:111122223333:changes", "partition"),
            ("changes", "six parts"),
        ] {
            let bad = TopicArn::read(text, true, &FORM).err().unwrap();
            assert!(bad.help.clone().unwrap().contains(says), "{text}: {bad:?}");
        }
    }

    #[test]
    fn served_paths_are_plain() {
        for text in ["/v1/sns", "/webhooks/aws-event-cache"] {
            assert!(ServedPath::read(text, true, &FORM).is_ok(), "{text}");
        }
        for text in ["", "/", "v1/sns", "/v1/", "/a//b", "/a?b", "/{x}", "/a%2fb", "https://x/y"] {
            assert!(ServedPath::read(text, true, &FORM).is_err(), "{text}");
        }
    }
}
