//! Topics: what an ARN says, and what follows from it for hosts and certificate names.
//!
//! The hosts that we talk to are computed here from an allowed topic and never taken from a message. A pattern over host names is not enough:
//! `sns.s3-us-west-2.amazonaws.com` fits the pattern that several AWS SDKs use, and was a bucket of somebody else's (DEF CON 30, 2022).

use std::fmt;
use std::str::FromStr;

use aws_event_cache_model::{AccountId, Place, Region};
use smol_str::SmolStr;

/// One of AWS's partitions that have SNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    word: &'static str,
    dns_suffix: &'static str,
    /// How the names of its regions begin; empty for the commercial partition, whose regions begin in many ways.
    region_prefix: &'static str,
}

/// Partitions, their DNS suffixes and regions, as the endpoint table of AWS's SDKs (botocore, `endpoints.json`) has them.
const PARTITIONS: [Partition; 8] = [
    Partition { word: "aws", dns_suffix: "amazonaws.com", region_prefix: "" },
    Partition { word: "aws-cn", dns_suffix: "amazonaws.com.cn", region_prefix: "cn-" },
    Partition { word: "aws-us-gov", dns_suffix: "amazonaws.com", region_prefix: "us-gov-" },
    Partition { word: "aws-iso", dns_suffix: "c2s.ic.gov", region_prefix: "us-iso-" },
    Partition { word: "aws-iso-b", dns_suffix: "sc2s.sgov.gov", region_prefix: "us-isob-" },
    Partition { word: "aws-iso-e", dns_suffix: "cloud.adc-e.uk", region_prefix: "eu-isoe-" },
    Partition { word: "aws-iso-f", dns_suffix: "csp.hci.ic.gov", region_prefix: "us-isof-" },
    Partition { word: "aws-eusc", dns_suffix: "amazonaws.eu", region_prefix: "eusc-" },
];

/// Regions whose signing certificate is for `sns-signing.<region>.<suffix>` (AWS SDK for Java 2, `SnsHostProvider`).
const SIGNING_NAME_REGIONS: [&str; 20] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "eu-isoe-west-1",
];

/// Regions of whose names the certificate has `sns-<region>.<suffix>` (same source).
const DASHED_NAME_REGIONS: [&str; 4] = ["cn-north-1", "cn-northwest-1", "us-iso-east-1", "us-isob-east-1"];

/// The ARN of an SNS topic, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    arn: SmolStr,
    partition: Partition,
    region: Region,
    account: AccountId,
}

/// A text that is not the ARN of an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:111122223333:cache-events")]
pub struct BadTopic {
    /// What was given, cut to 80 characters.
    pub value: String,
}

impl Topic {
    /// The whole ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account that owns the topic.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The region the topic lives in.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Account and region of the topic. What a message speaks of may be elsewhere.
    pub fn place(&self) -> Place {
        Place::new(self.account.clone(), self.region.clone())
    }

    /// The host of SNS in the topic's region.
    pub(crate) fn host(&self) -> String {
        format!("sns.{}.{}", self.region, self.partition.dns_suffix)
    }

    /// The DNS name that the signing certificate has to have. It is not always the host that serves it (AWS SDK for Java 2, `SnsHostProvider`).
    pub(crate) fn certificate_name(&self) -> String {
        let (region, suffix) = (self.region.as_str(), self.partition.dns_suffix);
        if SIGNING_NAME_REGIONS.contains(&region) || self.partition.word == "aws-eusc" {
            format!("sns-signing.{region}.{suffix}")
        } else if DASHED_NAME_REGIONS.contains(&region) {
            format!("sns-{region}.{suffix}")
        } else if self.partition.word == "aws-us-gov" {
            // Both GovCloud regions use the western name.
            format!("sns-us-gov-west-1.{suffix}")
        } else {
            format!("sns.{suffix}")
        }
    }
}

impl FromStr for Topic {
    type Err = BadTopic;

    fn from_str(text: &str) -> Result<Self, BadTopic> {
        read(text).ok_or_else(|| BadTopic { value: text.chars().take(80).collect() })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

fn read(text: &str) -> Option<Topic> {
    let mut parts = text.split(':');
    let mut part = || parts.next();
    let (arn, word, service) = (part()?, part()?, part()?);
    let (region, account, name) = (part()?, part()?, part()?);
    if arn != "arn" || service != "sns" || parts.next().is_some() || !is_topic_name(name) {
        return None;
    }
    let partition = *PARTITIONS.iter().find(|partition| partition.word == word)?;
    if !is_region_of(region, partition) {
        return None;
    }
    Some(Topic {
        arn: text.into(),
        partition,
        region: Region::new(region).ok()?,
        account: AccountId::new(account).ok()?,
    })
}

/// Up to 256 letters, digits, `-` and `_`; a FIFO topic ends in `.fifo` (API reference of `CreateTopic`).
fn is_topic_name(name: &str) -> bool {
    let plain = name.strip_suffix(".fifo").unwrap_or(name);
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !plain.is_empty() && name.len() <= 256 && plain.bytes().all(is_name_byte)
}

/// Whether this looks like a real region of the partition: area, compass point, digit.
///
/// It is stricter than other readers of regions since a host name is made of it: `s3-us-west-2` must not pass.
fn is_region_of(region: &str, partition: Partition) -> bool {
    let others = PARTITIONS.iter().filter(|other| !other.region_prefix.is_empty());
    let rest = if partition.region_prefix.is_empty() {
        if others.clone().any(|other| region.starts_with(other.region_prefix)) {
            return false;
        }
        match region.split_once('-') {
            Some((area, rest)) if is_area(area) => rest,
            _ => return false,
        }
    } else {
        let Some(rest) = region.strip_prefix(partition.region_prefix) else { return false };
        match rest.split_once('-') {
            Some((country, rest)) if partition.word == "aws-eusc" && is_area(country) => rest,
            _ => rest,
        }
    };
    is_compass_and_digit(rest)
}

fn is_area(word: &str) -> bool {
    word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_compass_and_digit(text: &str) -> bool {
    const COMPASS: [&str; 9] =
        ["central", "north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"];
    text.split_once('-').is_some_and(|(point, digit)| {
        COMPASS.contains(&point) && digit.len() == 1 && digit.bytes().all(|byte| (b'1'..=b'9').contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(partition: &str, region: &str) -> Result<Topic, BadTopic> {
        format!("arn:{partition}:sns:{region}:111122223333:cache-events").parse()
    }

    #[test]
    fn hosts_and_certificate_names_follow_from_partition_and_region() {
        let rows = [
            ("aws", "eu-west-1", "sns.eu-west-1.amazonaws.com", "sns.amazonaws.com"),
            ("aws", "me-south-1", "sns.me-south-1.amazonaws.com", "sns-signing.me-south-1.amazonaws.com"),
            ("aws", "ap-southeast-7", "sns.ap-southeast-7.amazonaws.com", "sns-signing.ap-southeast-7.amazonaws.com"),
            ("aws", "ap-southeast-9", "sns.ap-southeast-9.amazonaws.com", "sns.amazonaws.com"),
            ("aws-cn", "cn-north-1", "sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"),
            ("aws-us-gov", "us-gov-east-1", "sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
            ("aws-iso", "us-iso-east-1", "sns.us-iso-east-1.c2s.ic.gov", "sns-us-iso-east-1.c2s.ic.gov"),
            ("aws-iso", "us-iso-west-1", "sns.us-iso-west-1.c2s.ic.gov", "sns.c2s.ic.gov"),
            ("aws-iso-b", "us-isob-east-1", "sns.us-isob-east-1.sc2s.sgov.gov", "sns-us-isob-east-1.sc2s.sgov.gov"),
            (
                "aws-iso-e",
                "eu-isoe-west-1",
                "sns.eu-isoe-west-1.cloud.adc-e.uk",
                "sns-signing.eu-isoe-west-1.cloud.adc-e.uk",
            ),
            (
                "aws-iso-f",
                "us-isof-south-1",
                "sns.us-isof-south-1.csp.hci.ic.gov",
                "sns-signing.us-isof-south-1.csp.hci.ic.gov",
            ),
            (
                "aws-eusc",
                "eusc-de-east-1",
                "sns.eusc-de-east-1.amazonaws.eu",
                "sns-signing.eusc-de-east-1.amazonaws.eu",
            ),
        ];
        for (partition, region, host, name) in rows {
            let topic = topic(partition, region).unwrap();
            assert_eq!((topic.host().as_str(), topic.certificate_name().as_str()), (host, name));
        }
    }

    #[test]
    fn a_region_that_would_make_somebody_elses_host_is_no_region() {
        let hosts = [
            "s3-us-west-2",
            "s3-external-1",
            "s3-accelerate",
            "s3-website-us-east-1",
            "ec2",
            "us-west-2.evil",
            "",
            "us-west-2/",
            "global",
        ];
        for region in hosts {
            topic("aws", region).unwrap_err();
        }
    }

    #[test]
    fn partition_and_region_must_belong_together() {
        for (partition, region) in
            [("aws", "cn-north-1"), ("aws-cn", "eu-west-1"), ("aws", "us-gov-west-1"), ("aws-x", "eu-west-1")]
        {
            topic(partition, region).unwrap_err();
        }
    }

    #[test]
    fn only_whole_sns_arns_are_topics() {
        let bad = [
            "",
            "arn:aws:sns:eu-west-1:111122223333",
            "arn:aws:sqs:eu-west-1:111122223333:q",
            "arn:aws:sns:eu-west-1:11112222333:t",
            "arn:aws:sns:eu-west-1:111122223333:t:0f0e0d0c",
            "arn:aws:sns:eu-west-1:111122223333:t\n",
            "arn:aws:sns:eu-west-1:111122223333:*",
            "arn:aws:sns:eu-west-1:111122223333:.fifo",
            " arn:aws:sns:eu-west-1:111122223333:t",
        ];
        for text in bad {
            text.parse::<Topic>().unwrap_err();
        }
        "arn:aws:sns:eu-west-1:111122223333:t.fifo".parse::<Topic>().unwrap();
    }
}
