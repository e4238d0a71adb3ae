//! An invented catalogue, as an operator's folder: three kinds with an agent each.

use std::fs;
use std::path::{Path, PathBuf};

/// The invented kinds, each with the agent `{account}/{region}/{Kind}CachingAgent` and the announced call `Make{Kind}`.
pub const KINDS: [&str; 3] = ["widget", "gadget", "gizmo"];

/// `widget` as in names of agents and calls.
pub fn capital(kind: &str) -> String {
    kind[..1].to_uppercase() + &kind[1..]
}

pub fn agent(account: &str, region: &str, kind: &str) -> String {
    format!("{account}/{region}/{}CachingAgent", capital(kind))
}

/// Writes it, and tells where.
pub fn write(folder: &Path) -> PathBuf {
    let folder = folder.join("catalog");
    for part in ["services", "agents", "kinds"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let service = "title: Test\nevent_sources: [test.amazonaws.com]\nbridge_sources: [aws.test]\nbuckets: {read: {capacity: 1000, refill: 500}}\n";
    fs::write(folder.join("services/test.yaml"), service).unwrap();
    for kind in KINDS {
        let (name, agent) = (capital(kind), agent("{account}", "{region}", kind));
        fs::write(
            folder.join(format!("agents/{kind}s.yaml")),
            format!(
                "name: '{agent}'\nprovider: aws\nper: account-region\ncalls: [{{bucket: 'test:read', count: 1}}]\n"
            ),
        )
        .unwrap();
        fs::write(
            folder.join(format!("kinds/{kind}.yaml")),
            format!(
                "title: {name}\naliases: [{kind}s]\nnamed_by: {kind} id\ncoverage: full\ncadence: {{floor: 30s, ceiling: 10m}}\nsettle: 10s\nagents: [{kind}s]\n\
                 calls:\n  - {{service: test, events: [Make{name}, Break{name}], name: req.id}}\n\
                 reads:\n  - {{service: test, operation: Describe{name}s, age: event, bucket: 'test:read'}}\n"
            ),
        )
        .unwrap();
    }
    folder
}
