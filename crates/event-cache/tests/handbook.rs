//! What docs/answer.md tells people to write and to run is what the binary takes.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::Path;

use support::service::{command, prepared};

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/answer.md")).unwrap()
}

/// The fenced blocks of a language, without the indentation of the list that they stand in.
fn blocks(language: &str) -> Vec<String> {
    let page = page();
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() == format!("```{language}") {
            let indent = line.len() - line.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect());
        }
    }
    blocks
}

#[test]
fn every_configuration_in_the_handbook_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("ca").display().to_string();
    assert_eq!(command(&["ca", "init", "--folder", &place]).status.code(), Some(0));
    let configurations: Vec<String> =
        blocks("yaml").into_iter().filter(|block| block.starts_with("# config.yaml")).collect();
    assert!(configurations.len() >= 4, "the page has lost its examples");
    for (n, text) in configurations.into_iter().enumerate() {
        let file = folder.path().join(format!("{n}.yaml"));
        fs::write(&file, text.replace("/var/lib/aws-event-cache/ca", &place)).unwrap();
        let mut check = prepared(&["check-config", "--config"]);
        let output = check.arg(&file).env("EVENT_CACHE_PROXY_PASSWORD", "hunter2").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{text}");
    }
}

#[test]
fn every_command_in_the_handbook_is_one() {
    let mut seen = 0;
    for block in blocks("sh") {
        for line in block.lines().filter_map(|line| line.strip_prefix("aws-event-cache ")) {
            let words = line.split(" #").next().unwrap().split_whitespace();
            // With --help nothing is done, but a word or flag that does not exist is still refused.
            let arguments: Vec<&str> = words.chain(["--help"]).collect();
            let output = command(&arguments);
            assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            seen += 1;
        }
    }
    assert!(seen >= 7, "the page has lost its examples");
}

#[test]
fn the_handbooks_overrides_and_metrics_exist() {
    let page = page();
    let metrics = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md")).unwrap();
    for name in page.split('`').filter(|word| word.starts_with("event_cache_")) {
        assert!(metrics.contains(&format!("`{name}`")), "{name} is no metric");
    }
    let keys = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")).unwrap();
    for key in page.split('`').filter(|word| word.starts_with("answer.") && !word.contains(' ')) {
        let key = key.split(':').next().unwrap();
        assert!(keys.contains(&format!("`{key}`")), "{key} is no key");
    }
}
