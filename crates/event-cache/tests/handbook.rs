//! What the handbook tells people to write and to run is what the binary takes, and what it points to is there.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::service::{command, prepared};

/// Pages whose examples are tried here; the others have tests of their own beside what they describe.
const PAGES: [&str; 7] =
    ["answer", "environments", "security", "rate-limits", "compatibility", "migrating", "../README"];

/// Beginnings of keys of the configuration.
const SECTIONS: [&str; 7] = ["answer.", "intake.", "drive.", "clouddriver.", "server.", "accounts.", "store."];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pages() -> String {
    PAGES.map(|name| read(&docs().join(format!("{name}.md")))).join("\n")
}

/// The fenced blocks of a language, without the indentation of the list that they stand in.
fn blocks(language: &str) -> Vec<String> {
    let pages = pages();
    let mut blocks = Vec::new();
    let mut lines = pages.lines();
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
    assert!(configurations.len() >= 6, "the pages have lost their examples");
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
    assert!(seen >= 12, "the pages have lost their examples");
}

#[test]
fn the_handbooks_metrics_and_keys_exist() {
    let pages = pages();
    let metrics = read(&docs().join("metrics.md"));
    let keys = read(&docs().join("configuration.md"));
    for word in pages.split('`').filter(|word| !word.contains(' ')) {
        if word.starts_with("event_cache_") {
            assert!(metrics.contains(&format!("`{word}`")), "{word} is no metric");
        }
        let key = word.split(':').next().unwrap();
        if SECTIONS.iter().any(|section| key.starts_with(section)) {
            assert!(keys.contains(&format!("`{key}`")), "{key} is no key");
        }
    }
}

#[test]
fn every_link_of_every_document_leads_somewhere() {
    let root = docs().join("..");
    let folders = [root.clone(), docs(), docs().join("install")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        for link in links(&read(&file)) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: there is no {link}", file.display());
            let leads = anchor.is_empty() || headings(&read(&target)).any(|heading| heading == anchor);
            assert!(leads, "{}: {link} leads to no heading", file.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "links are found");
}

/// Where a document points to within the repository.
fn links(page: &str) -> Vec<String> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|link| !link.contains("://") && !link.contains(' ')).map(str::to_owned).collect()
}

/// A document's headings, as links name them.
fn headings(page: &str) -> impl Iterator<Item = String> {
    let lines = page.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}
