//! To whom requests are forwarded: AWS's own endpoints, and nobody else's machines that happen to have a name under AWS's domains.
//!
//! What it promises: a name that counts as AWS's is in lower case, has no port, no user, no trailing dot, is no address, and ends in a suffix of AWS's or the
//! operator's. Without that the proxy would be an open relay.

use std::net::IpAddr;

use crate::error::ProxyError;
use crate::settings::HostRules;

/// AWS's domains, of all partitions: botocore's `partitions.json` (`dnsSuffix` and `dualStackDnsSuffix`).
pub(crate) const AWS_SUFFIXES: [&str; 13] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

/// Labels under which customers' machines, or endpoints that run customers' code, have their names: `<name>.[<region>.]<label>.<suffix>` or
/// `<name>.<label>.<region>.<suffix>`. The services' own endpoints have the label first. From the DNS names that each service's user guide documents.
const CUSTOMERS: [&str; 28] = [
    // EC2 instances, from outside us-east-1 and in it.
    "compute",
    "compute-1",
    // Load balancers.
    "elb",
    // Databases and caches: RDS, Redshift, DocumentDB, Neptune, ElastiCache, MemoryDB, DAX.
    "rds",
    "redshift",
    "redshift-serverless",
    "docdb",
    "neptune",
    "cache",
    "memorydb",
    "dax-clusters",
    // Search: OpenSearch, its serverless form, CloudSearch.
    "es",
    "aoss",
    "cloudsearch",
    // APIs and code of customers: API Gateway, AppSync, Amplify, Lambda function URLs.
    "execute-api",
    "appsync-api",
    "appsync-realtime-api",
    "lambda-url",
    // Brokers: MSK, its serverless form, Amazon MQ.
    "kafka",
    "kafka-serverless",
    "mq",
    // Clusters and tools that run in customers' networks: Kubernetes, EMR, Airflow, Cloud9, file systems, SFTP.
    "eks",
    "elasticmapreduce",
    "airflow",
    "cloud9",
    "efs",
    "fsx",
    "transfer",
];

/// Names before such a label that are AWS's own all the same, such as `fips.eks.us-east-1` and `api.airflow.eu-west-1`.
const OWN_PREFIXES: [&str; 4] = ["fips", "api", "env", "ops"];

/// Longest name of DNS, RFC 1035.
const LONGEST: usize = 253;

/// What a name is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// An endpoint of AWS, or of a suffix that the operator added.
    Aws,
    /// May be tunnelled blindly.
    Tunnelled,
    /// Neither.
    Foreign,
}

/// The rules, read.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    extra: Vec<String>,
    tunnels: Vec<Listed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    /// Without `*.`.
    name: String,
    /// Names under it, not it itself.
    under: bool,
    port: u16,
}

impl Hosts {
    /// Reads the rules.
    ///
    /// # Errors
    /// [`ProxyError::HostRule`] names the rule that is none.
    pub(crate) fn new(rules: &HostRules) -> Result<Self, ProxyError> {
        let suffix = |rule: &String| {
            let name = rule.strip_prefix("*.").or_else(|| rule.strip_prefix('.')).unwrap_or(rule);
            let bad = |reason| ProxyError::HostRule { field: "answer.hosts.suffixes", rule: rule.clone(), reason };
            let name = name_of(name).ok_or_else(|| bad("it is not a host name"))?;
            if name.contains('.') {
                Ok(name)
            } else {
                Err(bad("a whole top-level domain would make this an open relay"))
            }
        };
        let extra = rules.extra_suffixes.iter().map(suffix).collect::<Result<_, _>>()?;
        let tunnels = rules.tunnel.iter().map(|rule| listed(rule)).collect::<Result<_, _>>()?;
        Ok(Self { extra, tunnels })
    }

    /// Whose host this is: a name as [`name_of`] gives it, and the port of a CONNECT.
    pub(crate) fn whose(&self, name: &str, port: u16) -> Whose {
        if self.is_aws(name) && port == 443 {
            Whose::Aws
        } else if self.tunnels.iter().any(|listed| listed.matches(name, port)) {
            Whose::Tunnelled
        } else {
            Whose::Foreign
        }
    }

    /// Is this an endpoint of AWS, or of a suffix that the operator added?
    pub(crate) fn is_aws(&self, name: &str) -> bool {
        let extra = |suffix: &String| {
            name == suffix || name.strip_suffix(suffix.as_str()).is_some_and(|left| left.ends_with('.'))
        };
        is_endpoint(name) || self.extra.iter().any(extra)
    }
}

impl Listed {
    fn matches(&self, name: &str, port: u16) -> bool {
        let matches = match self.under {
            false => name == self.name,
            true => name.strip_suffix(self.name.as_str()).is_some_and(|left| left.ends_with('.')),
        };
        matches && port == self.port
    }
}

fn listed(rule: &str) -> Result<Listed, ProxyError> {
    let bad = |reason| ProxyError::HostRule { field: "answer.hosts.tunnel", rule: rule.to_owned(), reason };
    let (host, port) = match rule.rsplit_once(':') {
        None => (rule, 443),
        Some((host, port)) => {
            (host, port.parse().ok().filter(|&port| port != 0).ok_or_else(|| bad("the port is not one"))?)
        }
    };
    let (name, under) = host.strip_prefix("*.").map_or((host, false), |name| (name, true));
    let name = name_of(name).ok_or_else(|| bad("write a host name, host:port or *.suffix"))?;
    Ok(Listed { name, under, port })
}

fn is_endpoint(name: &str) -> bool {
    let labels = AWS_SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)?.strip_suffix('.'));
    labels.is_some_and(|labels| !is_customers(labels))
}

/// Are these the labels of a customer's machine?
fn is_customers(labels: &str) -> bool {
    let labels: Vec<&str> = labels.split('.').collect();
    // Endpoint services that customers offer, and their web sites out of S3.
    if labels.iter().any(|label| label.starts_with("vpce-svc-") || label.starts_with("s3-website")) {
        return true;
    }
    let Some(at) = labels.iter().rposition(|label| CUSTOMERS.contains(label)) else { return false };
    let after = &labels[at + 1..];
    // `<id>.execute-api.<region>.vpce`: a customer's private API at its endpoint.
    let is_private_api = labels[at] == "execute-api" && after.len() == 2 && after[1] == "vpce";
    let is_last = after.is_empty() || (after.len() == 1 && is_region(after[0])) || is_private_api;
    let is_own = at == 0 || (at == 1 && OWN_PREFIXES.contains(&labels[0]));
    // `rds.eu-west-1`: the label first is the service. `x.eu-west-1.rds` and `x.rds.cn-north-1`: somebody's database. `eu-west-1.es`: an endpoint's old form.
    let is_regional_form = at == 1 && after.is_empty() && is_region(labels[0]);
    is_last && !is_own && !is_regional_form
}

/// How the names of AWS's regions begin.
const REGIONS: [&str; 16] = [
    "us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "cn", "us-gov", "us-iso", "us-isob", "us-isof", "eu-isoe",
    "eusc-de",
];

/// Such as `eu-west-1`, `us-gov-west-1` and `eusc-de-east-1`.
fn is_region(label: &str) -> bool {
    let Some((rest, number)) = label.rsplit_once('-') else { return false };
    let Some((start, direction)) = rest.rsplit_once('-') else { return false };
    let is_number = number.len() == 1 && number.as_bytes()[0].is_ascii_digit();
    is_number && REGIONS.contains(&start) && direction.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A host name in lower case; `None` when it is none: an address in any notation, a trailing dot, characters that host names do not have.
pub(crate) fn name_of(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > LONGEST || !text.split('.').all(is_label) || text.parse::<IpAddr>().is_ok() {
        return None;
    }
    // Resolvers take 2130706433 and 0x7f.1 for addresses: no top-level domain starts with a digit.
    let top = text.rsplit('.').next()?;
    if top.as_bytes()[0].is_ascii_digit() { None } else { Some(text.to_ascii_lowercase()) }
}

/// Takes `host:port` or `host` apart. `None` when it is neither; IPv6 literals are neither.
pub(crate) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    match text.split_once(':') {
        None => Some((name_of(text)?, None)),
        Some((host, port)) => {
            let digits = (1..=5).contains(&port.len())
                && port.bytes().all(|byte| byte.is_ascii_digit())
                && !port.starts_with('0');
            let port = port.parse().ok().filter(|_| digits)?;
            Some((name_of(host)?, Some(port)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(extra: &[&str], tunnel: &[&str]) -> Hosts {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Hosts::new(&HostRules { extra_suffixes: owned(extra), tunnel: owned(tunnel), tunnel_private: Vec::new() })
            .unwrap()
    }

    #[test]
    fn the_endpoints_of_aws_are_forwarded_to() {
        let hosts = hosts(&[], &[]);
        for name in [
            "ec2.eu-west-1.amazonaws.com",
            "ec2.amazonaws.com",
            "iam.amazonaws.com",
            "sts.us-gov-west-1.amazonaws.com",
            "ec2.cn-north-1.amazonaws.com.cn",
            "ec2.eu-west-1.api.aws",
            "ec2-fips.us-east-1.amazonaws.com",
            "rds.eu-west-1.amazonaws.com",
            "es.eu-west-1.amazonaws.com",
            "eu-west-1.es.amazonaws.com",
            "eks.eu-west-1.amazonaws.com",
            "fips.eks.us-east-1.amazonaws.com",
            "api.ecr.eu-west-1.amazonaws.com",
            "elasticloadbalancing.eu-west-1.amazonaws.com",
            "vpce-0a1b-x.ec2.eu-west-1.vpce.amazonaws.com",
            "bucket.vpce-0a1b-x.s3.eu-west-1.vpce.amazonaws.com",
            "my.bucket.s3.eu-west-1.amazonaws.com",
            "my.elb.s3.eu-west-1.amazonaws.com",
            "bucket.s3.dualstack.eu-west-1.amazonaws.com",
            "data-servicediscovery.eu-west-1.amazonaws.com",
            "eu-west-1.queue.amazonaws.com",
            "compute-optimizer.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(hosts.whose(name, 443), Whose::Aws, "{name}");
        }
    }

    #[test]
    fn customers_machines_under_awss_domains_are_not() {
        let hosts = hosts(&[], &[]);
        for name in [
            "ec2-1-2-3-4.eu-west-1.compute.amazonaws.com",
            "ec2-1-2-3-4.compute-1.amazonaws.com",
            "ec2-1-2-3-4.cn-north-1.compute.amazonaws.com.cn",
            "lb-123.eu-west-1.elb.amazonaws.com",
            "lb-123.elb.eu-west-1.amazonaws.com",
            "internal-lb-123.us-east-1.elb.amazonaws.com",
            "db.abc.eu-west-1.rds.amazonaws.com",
            "db.abc.rds.cn-north-1.amazonaws.com.cn",
            "x.abc.0001.euw1.cache.amazonaws.com",
            "search-x.eu-west-1.es.amazonaws.com",
            "abc.execute-api.eu-west-1.amazonaws.com",
            "vpce-0a1b-x.execute-api.eu-west-1.vpce.amazonaws.com",
            "ABC.gr7.eu-west-1.eks.amazonaws.com",
            "b-1.x.abc.c2.kafka.eu-west-1.amazonaws.com",
            "b-x-1.mq.eu-west-1.amazonaws.com",
            "b-x-1.mq.amazonaws.com",
            "my-cluster-1.eks.amazonaws.com",
            "eu-west-1.elb.eu-west-1.amazonaws.com",
            "vpce-0a-x.vpce-svc-0b.eu-west-1.vpce.amazonaws.com",
            "site.s3-website-eu-west-1.amazonaws.com",
            "site.s3-website.eu-central-1.amazonaws.com",
        ] {
            assert_eq!(hosts.whose(&name.to_lowercase(), 443), Whose::Foreign, "{name}");
        }
    }

    #[test]
    fn lookalikes_and_other_ports_are_foreign() {
        let hosts = hosts(&[], &[]);
        for name in [
            "amazonaws.com",
            "api.aws",
            "evilamazonaws.com",
            "ec2.amazonaws.com.evil.example",
            "amazonaws.com.evil.example",
            "ec2.amazonaws.org",
            "localhost",
            "metadata.google.internal",
        ] {
            assert_eq!(hosts.whose(name, 443), Whose::Foreign, "{name}");
        }
        for port in [0, 22, 80, 8443] {
            assert_eq!(hosts.whose("ec2.eu-west-1.amazonaws.com", port), Whose::Foreign, "{port}");
        }
    }

    #[test]
    fn names_that_play_tricks_are_none() {
        for text in [
            "169.254.169.254",
            "127.0.0.1",
            "::1",
            "[::1]",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "127.1",
            "ec2.amazonaws.com.",
            ".ec2.amazonaws.com",
            "ec2..amazonaws.com",
            "user@ec2.amazonaws.com",
            "ec2.amazonaws.com/",
            "ec2.amazonaws.com%00",
            "ec2 .amazonaws.com",
            "",
            "-a.amazonaws.com",
            "\u{435}c2.amazonaws.com",
        ] {
            assert_eq!(name_of(text), None, "{text:?}");
        }
        assert_eq!(name_of("EC2.Amazonaws.COM").as_deref(), Some("ec2.amazonaws.com"));
    }

    #[test]
    fn ports_are_plain_decimal_numbers() {
        assert_eq!(host_and_port("h.example:443"), Some(("h.example".into(), Some(443))));
        assert_eq!(host_and_port("h.example"), Some(("h.example".into(), None)));
        for text in [
            "h.example:",
            "h.example:0443",
            "h.example:+443",
            "h.example:65536",
            "h.example:443:443",
            "[::1]:443",
            ":443",
            "h.example:0",
        ] {
            assert_eq!(host_and_port(text), None, "{text}");
        }
    }

    #[test]
    fn operators_may_add_suffixes_and_tunnels() {
        let hosts =
            hosts(&["execute-api.eu-west-1.amazonaws.com", "*.aws.example"], &["fiat.example", "*.git.example:8443"]);
        assert_eq!(hosts.whose("abc.execute-api.eu-west-1.amazonaws.com", 443), Whose::Aws);
        assert_eq!(hosts.whose("ec2.aws.example", 443), Whose::Aws);
        assert_eq!(hosts.whose("evilaws.example", 443), Whose::Foreign);
        assert_eq!(hosts.whose("fiat.example", 443), Whose::Tunnelled);
        assert_eq!(hosts.whose("fiat.example", 22), Whose::Foreign);
        assert_eq!(hosts.whose("a.git.example", 8443), Whose::Tunnelled);
        assert_eq!(hosts.whose("git.example", 8443), Whose::Foreign);
    }

    #[test]
    fn rules_that_are_none_are_named() {
        for (suffixes, tunnel) in [
            (vec!["com"], vec![]),
            (vec!["10.0.0.1"], vec![]),
            (vec![], vec!["10.0.0.1"]),
            (vec![], vec!["h:0"]),
            (vec![], vec!["*"]),
        ] {
            let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
            let rules =
                HostRules { extra_suffixes: owned(suffixes), tunnel: owned(tunnel), tunnel_private: Vec::new() };
            assert!(matches!(Hosts::new(&rules), Err(ProxyError::HostRule { .. })), "{rules:?}");
        }
    }
}
