//! What a queue's URL says.

use aws_event_cache_model::{AccountId, Region};

/// The parts of a queue's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAddress {
    /// From the host; `None` for hosts that are not AWS's own.
    pub region: Option<Region>,
    /// The queue's owner; `None` when the path does not begin with an account id.
    pub account: Option<AccountId>,
    /// The queue's name.
    pub name: String,
}

/// The text is no queue's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must look like https://sqs.eu-west-1.amazonaws.com/111122223333/queue-name")]
pub struct UnknownAddress;

impl QueueAddress {
    /// Reads a URL as `GetQueueUrl` gives it, `https://sqs.<region>.amazonaws.com/<account>/<name>`. The other hosts that AWS documents ("Amazon SQS endpoints and quotas")
    /// are known too: `<region>.queue.amazonaws.com` and `queue.amazonaws.com` (legacy), FIPS, dual-stack (`sqs.<region>.api.aws`), interface endpoints
    /// (`vpce-….sqs.<region>.vpce.amazonaws.com`) and those of the other partitions.
    ///
    /// # Errors
    /// [`UnknownAddress`] when it is not a URL with a host and a queue's name.
    pub fn parse(url: &str) -> Result<Self, UnknownAddress> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(UnknownAddress)?;
        let (authority, path) = rest.split_once('/').ok_or(UnknownAddress)?;
        let is_clean = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@'));
        let name = path.rsplit('/').next().filter(|name| is_name(name)).ok_or(UnknownAddress)?;
        if authority.is_empty() || !is_clean(authority) || !is_clean(path) {
            return Err(UnknownAddress);
        }
        let host = authority.split(':').next().unwrap_or_default();
        let account = path.split('/').next().and_then(|first| AccountId::new(first).ok());
        Ok(Self { region: region_of(host), account, name: name.to_owned() })
    }
}

/// As SQS allows it: up to 80 letters, digits, `-` and `_`, and `.fifo` at the end of a FIFO queue's name.
fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    !stem.is_empty() && name.len() <= 80 && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Domains under which AWS's own endpoints lie.
const DOMAINS: [&str; 9] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".amazonaws.eu",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
];

fn region_of(host: &str) -> Option<Region> {
    if host == "queue.amazonaws.com" {
        // The first region's legacy endpoint carries no region.
        return Region::new("us-east-1").ok();
    }
    let inner = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain))?;
    let is_about_sqs = inner.split('.').any(|label| matches!(label, "sqs" | "sqs-fips" | "queue"));
    let region = inner.split('.').find(|label| label.matches('-').count() >= 2 && !label.starts_with("vpce-"));
    region.filter(|_| is_about_sqs).and_then(|region| Region::new(region).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_region_is_read_from_every_kind_of_host_that_aws_has() {
        for (host, region) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("eu-central-1.queue.amazonaws.com", Some("eu-central-1")),
            ("queue.amazonaws.com", Some("us-east-1")),
            ("sqs-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("sqs.us-west-2.api.aws", Some("us-west-2")),
            ("vpce-0123456789abcdef0-abcdefgh.sqs.us-west-2.vpce.amazonaws.com", Some("us-west-2")),
            ("vpce-0123456789abcdef0-abcdefgh-us-west-2a.sqs.us-west-2.vpce.amazonaws.com", Some("us-west-2")),
            ("localhost", None),
            ("sqs.eu-west-1.amazonaws.com.evil.example", None),
            ("s3.eu-west-1.amazonaws.com", None),
        ] {
            let address = QueueAddress::parse(&format!("https://{host}/111122223333/changes")).unwrap();
            assert_eq!(address.region.as_ref().map(Region::as_str), region, "{host}");
            assert_eq!(address.account.unwrap().as_str(), "111122223333");
            assert_eq!(address.name, "changes");
        }
    }

    #[test]
    fn a_mock_on_loopback_has_a_name_and_no_region() {
        let address = QueueAddress::parse("http://127.0.0.1:5000/111122223333/changes.fifo").unwrap();
        assert_eq!((address.region, address.name.as_str()), (None, "changes.fifo"));
    }

    #[test]
    fn what_is_no_queue_url_is_refused() {
        for bad in [
            "",
            "changes",
            "arn:aws:sqs:eu-west-1:111122223333:changes",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/changes?Action=DeleteQueue",
            "https://user@sqs.eu-west-1.amazonaws.com/111122223333/changes",
            "https:///111122223333/changes",
        ] {
            assert_eq!(QueueAddress::parse(bad), Err(UnknownAddress), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            drop(QueueAddress::parse(&text));
            drop(QueueAddress::parse(&format!("https://{text}")));
        }
    }
}
