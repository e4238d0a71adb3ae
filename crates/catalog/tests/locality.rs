//! Only this crate's data files name kinds, Clouddriver's agent classes and AWS's events. The rest of the workspace treats them as data, so that a new kind is a
//! new file and nothing else.
//!
//! The rule, for every string literal in `crates/*/src` (this crate's too) and `xtask/src`, tests in them included:
//!
//! - it is not, as a whole, a kind's id of several words (`a-b`), an AWS Config type, an EventBridge detail-type or an Auto Scaling notification that a kind lists;
//! - none of the words in it is an agent's class, or the name of a CloudTrail call or of an operation that a kind lists.
//!
//! Ids of one word are left out, since they are common English (a literal `"instance"` says nothing), and so are comments: examples help.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aws_event_cache_catalog::Catalog;

/// What may not be named.
struct Forbidden {
    literals: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl Forbidden {
    fn of(catalog: &Catalog) -> Self {
        let mut forbidden = Self { literals: BTreeSet::new(), words: BTreeSet::new() };
        for kind in catalog.kinds() {
            let id = Some(kind.id.to_string()).filter(|id| id.contains('-'));
            let types = kind.config.iter().map(|config| config.resource_type.to_string());
            let events = kind
                .events
                .iter()
                .flat_map(|e| &e.detail_types)
                .chain(kind.notifications.iter().flat_map(|n| &n.events));
            forbidden.literals.extend(id.into_iter().chain(types).chain(events.map(|event| event.to_string())));
            let calls = kind.calls.iter().flat_map(|call| &call.events).filter(|event| !event.ends_with('*'));
            let operations = kind.reads.iter().map(|read| &read.operation);
            let operations = operations.chain(kind.writes.iter().flat_map(|write| &write.operations));
            forbidden.words.extend(calls.chain(operations).map(|event| event.to_string()));
        }
        let classes =
            catalog.agents().flat_map(|agent| agent.name.as_str().split('/').map(str::to_owned).collect::<Vec<_>>());
        forbidden.words.extend(classes.filter(|part| part.ends_with("CachingAgent")));
        forbidden
    }

    /// What a literal names that it may not.
    fn in_literal(&self, literal: &str) -> Option<String> {
        if self.literals.contains(literal) {
            return Some(literal.to_owned());
        }
        let mut words = literal.split(|c: char| !c.is_ascii_alphanumeric());
        words.find(|word| self.words.contains(*word)).map(str::to_owned)
    }
}

/// The string literals of a Rust source, with their lines. Comments, characters and lifetimes are passed over.
fn literals(source: &str) -> Vec<(usize, String)> {
    let text: Vec<char> = source.chars().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    let line_of = |at: usize| text[..at].iter().filter(|c| **c == '\n').count() + 1;
    while at < text.len() {
        let rest = &text[at..];
        at += match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => rest.windows(2).position(|pair| pair == ['*', '/']).map_or(rest.len(), |end| end + 2),
            ['\'', '\\', _, ..] => rest.iter().skip(3).position(|c| *c == '\'').map_or(rest.len(), |end| end + 4),
            ['\'', _, '\'', ..] => 3,
            ['r', '#' | '"', ..] => raw_literal(rest).map_or(1, |(literal, length)| {
                found.push((line_of(at), literal));
                length
            }),
            ['"', ..] => {
                let (literal, length) = plain_literal(rest);
                found.push((line_of(at), literal));
                length
            }
            [c, ..] if c.is_alphanumeric() || *c == '_' => {
                rest.iter().position(|c| !c.is_alphanumeric() && *c != '_').unwrap_or(rest.len())
            }
            _ => 1,
        };
    }
    found
}

fn plain_literal(text: &[char]) -> (String, usize) {
    let (mut literal, mut at) = (String::new(), 1);
    while at < text.len() && text[at] != '"' {
        if text[at] == '\\' {
            at += 1;
        }
        literal.extend(text.get(at));
        at += 1;
    }
    (literal, at + 1)
}

fn raw_literal(text: &[char]) -> Option<(String, usize)> {
    let hashes = text[1..].iter().take_while(|c| **c == '#').count();
    let start = 1 + hashes;
    if text.get(start) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let length = text[start + 1..].windows(end.len()).position(|window| window == end)?;
    Some((text[start + 1..start + 1 + length].iter().collect(), start + 1 + length + end.len()))
}

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root.join("crates")).unwrap().map(|e| e.unwrap().path().join("src")).collect();
    folders.push(root.join("xtask/src"));
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.extension() {
                Some(extension) if extension == "rs" => files.push(path),
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    files
}

#[test]
fn no_rust_source_names_a_kind_an_agent_class_or_an_event_of_aws() {
    let forbidden = Forbidden::of(&Catalog::shipped());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = sources(&root);
    assert!(files.len() > 20, "the workspace's sources were not found: {files:?}");
    let mut wrong = Vec::new();
    for file in files {
        // Another may be at work on a file that was there a moment ago.
        let Ok(source) = fs::read_to_string(&file) else { continue };
        for (line, literal) in literals(&source) {
            if let Some(named) = forbidden.in_literal(&literal) {
                wrong.push(format!("{}:{line} names {named}", file.strip_prefix(&root).unwrap_or(&file).display()));
            }
        }
    }
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "belongs into the catalogue's data, or into an invented catalogue:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn literals_are_told_from_comments_characters_and_lifetimes() {
    let source = r##"
        // "comment"
        /* "block" */
        fn f<'a>(x: &'a str) -> char { let _ = ("plain \" \\", '"', '\'', r"raw", r#"raw " hash"#, b"bytes"); 'x' }
        let number = "second\nline";
    "##;
    let found: Vec<(usize, String)> = literals(source);
    let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["plain \" \\", "raw", "raw \" hash", "bytes", "secondnline"]);
    assert_eq!(found[0].0, 4);
}

#[test]
fn the_rule_finds_what_it_is_for_and_leaves_english_alone() {
    let catalog = Catalog::shipped();
    let forbidden = Forbidden::of(&catalog);
    let kind = catalog.kinds().find(|kind| kind.id.as_str().contains('-') && !kind.calls.is_empty()).unwrap();
    assert!(forbidden.in_literal(kind.id.as_str()).is_some());
    let agent = catalog.agents().find(|agent| agent.name.as_str().contains("CachingAgent")).unwrap();
    assert!(forbidden.in_literal(&format!("lock of {}", agent.name.as_str())).is_some());
    let call = kind.calls.iter().flat_map(|call| &call.events).find(|event| !event.ends_with('*')).unwrap();
    assert!(forbidden.in_literal(&format!("{{\"eventName\": \"{call}\"}}")).is_some());
    let read = &kind.reads.first().unwrap().operation;
    assert!(forbidden.in_literal(&format!("Action={read}&Version=1")).is_some());
    for fine in ["instance", "role", "widget", "WidgetCachingAgent", "AWS::Test::Widget", "read-only"] {
        assert_eq!(forbidden.in_literal(fine), None);
    }
}
