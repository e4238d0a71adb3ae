//! The addresses that the kits give to Spinnaker: whether Orca lets them pass, and whether they lead anywhere.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::collections::BTreeSet;

use support::{build, documents, files, find, repository, source};

/// Orca's rules for addresses that users configure, by release. `orca.rs` asks Orca itself; this says which rule it is that decides.
fn refused(host: &str, since_1_36: bool) -> Option<&'static str> {
    if host == "localhost" || host.starts_with("127.") {
        return Some("rejectLocalhost");
    }
    if !since_1_36 {
        return None;
    }
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Some("rejectVerbatimIps");
    }
    let Some((_, last)) = host.rsplit_once('.') else { return Some("allowedHostnamesRegex") };
    let excluded = ["spinnaker", "local", "localdomain", "internal"].contains(&last);
    excluded.then_some("excludedDomains")
}

/// Hosts of ours in everything that the kits ship, with their ports.
fn addresses() -> BTreeSet<(String, Option<u16>)> {
    let mut all = BTreeSet::new();
    for file in files("deploy") {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (at, _) in text.match_indices("//aws-event-cache") {
            let rest: String =
                text[at + 2..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-.:".contains(*c)).collect();
            let (host, port) =
                rest.split_once(':').map_or((rest.as_str(), None), |(host, port)| (host, port.parse().ok()));
            all.insert((host.to_owned(), port));
        }
    }
    all
}

#[test]
fn orca_of_both_generations_lets_the_stages_address_pass() {
    let stage = source("deploy/orca/refresh-stage.yml");
    let url = stage.lines().find_map(|line| line.trim().strip_prefix("url: http://")).unwrap();
    let host = url.split([':', '/']).next().unwrap();
    assert_eq!([refused(host, false), refused(host, true)], [None, None], "{host}");
    // Why it is no shorter, and no longer.
    for other in
        ["aws-event-cache", "aws-event-cache.spinnaker", "aws-event-cache.spinnaker.svc.cluster.local", "10.0.0.1"]
    {
        assert_eq!(refused(other, false), None);
        assert!(refused(other, true).is_some(), "{other}");
    }
    assert!(refused("localhost", false).is_some());
}

#[test]
fn every_address_in_the_kits_is_the_services_own() {
    let all = documents(&build(&repository().join("deploy/service")).unwrap());
    let ports: Vec<u64> = find(&all, "Service", "aws-event-cache")["spec"]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| port["port"].as_u64().unwrap())
        .collect();
    let addresses = addresses();
    assert!(addresses.len() >= 2, "{addresses:?}");
    for (host, port) in addresses {
        assert_eq!(host, "aws-event-cache.spinnaker.svc");
        assert!(port.is_some_and(|port| ports.contains(&port.into())), "{host}:{port:?}");
    }
}
