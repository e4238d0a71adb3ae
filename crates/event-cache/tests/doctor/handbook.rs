//! What docs/doctor.md and docs/troubleshooting.md tell people to run, and the words that they use, are what the binary knows.

use std::fs;
use std::path::{Path, PathBuf};

use aws_event_cache_doctor::{CODES, Hop};
use serde_json::Value;

use crate::support::service::command;

const PAGES: [&str; 2] = ["doctor.md", "troubleshooting.md"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn page(name: &str) -> String {
    fs::read_to_string(docs().join(name)).unwrap()
}

/// The fenced blocks of a language, without the indentation of the list that they stand in.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() == format!("```{language}") {
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.map(|line| format!("{}\n", line.trim_start())).collect());
        }
    }
    blocks
}

#[test]
fn every_command_of_the_handbook_is_one() {
    let mut seen = 0;
    for page in PAGES.map(page) {
        for block in blocks(&page, "sh") {
            for line in block.lines().filter_map(|line| line.strip_prefix("aws-event-cache ")) {
                // With --help nothing is done, but a word or flag that does not exist is still refused.
                let arguments: Vec<&str> = line.split_whitespace().chain(["--help"]).collect();
                let output = command(&arguments);
                assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
                seen += 1;
            }
        }
    }
    assert!(seen >= 15, "the pages have lost their examples");
}

#[test]
fn the_json_of_the_handbook_is_json_and_names_what_the_report_names() {
    let blocks: Vec<Value> =
        blocks(&page("doctor.md"), "json").iter().map(|block| serde_json::from_str(block).unwrap()).collect();
    let report = blocks.iter().find(|block| block.get("findings").is_some()).unwrap();
    let real: Value = aws_event_cache_doctor::unreadable(&["a mistake".to_owned()]).to_json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(report), keys(&real));
    assert_eq!(keys(&report["findings"][0]), keys(&real["findings"][0]));
    assert_eq!(keys(&report["summary"]), keys(&real["summary"]));
    assert!(CODES.contains(&report["findings"][0]["code"].as_str().unwrap()));
}

#[test]
fn every_hop_is_described_and_every_code_in_the_tables_by_symptom_exists() {
    let doctor = page("doctor.md");
    for hop in Hop::ALL {
        assert!(doctor.contains(&format!("| `{hop}` |")), "{hop} is not described");
    }
    for line in page("troubleshooting.md").lines().filter(|line| line.starts_with("| `")) {
        let says = line.split('|').nth(1).unwrap();
        for word in says.split('`').skip(1).step_by(2) {
            let known = CODES.contains(&word) || word.starts_with("drive mode") || word == "off";
            assert!(known, "{word} is no code: {line}");
        }
    }
}

#[test]
fn links_of_the_two_pages_lead_somewhere() {
    for name in PAGES {
        let text = page(name);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { text.clone() } else { page(file) };
            let anchors = target.lines().filter_map(|line| line.strip_prefix('#')).map(|heading| {
                let words = heading.trim_start_matches('#').trim().to_lowercase();
                words.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect::<String>().replace(' ', "-")
            });
            assert!(anchor.is_empty() || anchors.into_iter().any(|known| known == anchor), "{name}: {link}");
        }
    }
}
