//! The command line as a person or a script meets it: help, exit statuses, what goes to which stream.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use aws_event_cache_signer::{Message, Signer, TestRoot, Version};
use serde_json::{Value, json};
use support::service::{command, prepared, signal};
use support::sns::TOPIC;
use support::{catalog, eventually, now};

const COMMANDS: [&str; 13] = [
    "demo",
    "serve",
    "check-config",
    "status",
    "savings",
    "ca",
    "aws-setup",
    "cost",
    "doctor",
    "refresh",
    "kinds",
    "replay",
    "completion",
];

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A recorded message and what the decoder's own tests expect of it.
fn fixture(name: &str) -> (Value, Value) {
    let file = repository().join(format!("crates/intake/tests/fixtures/{name}.json"));
    let mut fixture: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    (fixture["message"].take(), fixture["expect"].take())
}

#[test]
fn every_command_has_help_with_examples_that_name_it() {
    for name in COMMANDS {
        let output = command(&[name, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        let (_, examples) = out(&output).split_once("Examples:").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(examples.contains(&format!("aws-event-cache {name}")), "{examples}");
        assert_eq!(err(&output), "");
    }
    let all = out(&command(&["--help"]));
    assert!(COMMANDS.iter().all(|name| all.contains(name)), "{all}");
    assert!(all.contains("0 done, 1 failed, 2 wrong usage, 3 service not reachable, 78 mistakes in a file"), "{all}");
}

#[test]
fn wrong_usage_ends_with_status_2_and_says_what_was_meant() {
    for (arguments, says) in [
        (vec!["statsu"], "status"),
        (vec!["refresh", "--acount", "prod"], "--account"),
        (vec!["demo", "--seconds", "1"], "3..=3600"),
        (vec!["serve"], "--config"),
        (vec![], "Usage"),
    ] {
        let output = command(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err(&output).contains(says), "{}", err(&output));
        assert_eq!(out(&output), "");
    }
}

#[test]
fn without_a_service_status_and_refresh_end_with_status_3_and_say_where_they_looked() {
    for name in ["status", "refresh"] {
        // Nothing listens on the discard port of this machine.
        let output = command(&[name, "--server", "http://127.0.0.1:9"]);
        assert_eq!(output.status.code(), Some(3), "{name}");
        let text = err(&output);
        assert!(text.starts_with("error: no answer from http://127.0.0.1:9; is the service running there?"), "{text}");
        assert!(text.contains("--server") && text.contains("refused"), "{text}");
    }
}

#[test]
fn kinds_lists_the_catalogue_and_finds_each_kind_by_its_other_names() {
    let list = command(&["kinds", "--json"]);
    let kinds: Vec<Value> = serde_json::from_str(&out(&list)).unwrap();
    assert!(kinds.len() > 30);
    let table = out(&command(&["kinds"]));
    assert_eq!(table.lines().count(), kinds.len() + 1, "a line for each kind and one of headings: {table}");
    assert!(table.starts_with("KIND"), "{table}");
    let kind = &kinds[0];
    let id = kind["kind"].as_str().unwrap();
    let others = kind["aliases"].as_array().unwrap().iter().chain(kind["configTypes"].as_array().unwrap());
    for word in others.map(|word| word.as_str().unwrap()).chain([id]) {
        let one: Value = serde_json::from_str(&out(&command(&["kinds", word, "--json"]))).unwrap();
        assert_eq!(&one, kind, "{word}");
        assert!(out(&command(&["kinds", word])).contains(id), "{word}");
    }
    let misspelt = command(&["kinds", &id[..id.len() - 1]]);
    assert_eq!(misspelt.status.code(), Some(1));
    assert!(err(&misspelt).contains(&format!("did you mean `{id}`?")), "{}", err(&misspelt));
}

#[test]
fn kinds_shows_an_operators_own_folder_and_every_mistake_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let own = catalog::write(folder.path());
    let own = own.to_str().unwrap();
    let widget = command(&["kinds", "widgets", "--folder", own, "--json"]);
    let widget: Value = serde_json::from_str(&out(&widget)).unwrap();
    assert_eq!((&widget["kind"], &widget["agents"]), (&json!("widget"), &json!(["widgets"])));
    let file = Path::new(own).join("kinds/widget.yaml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("coverage: full", "coverage: fulll")).unwrap();
    let broken = command(&["kinds", "--folder", own]);
    assert_eq!(broken.status.code(), Some(78));
    let text = err(&broken);
    assert!(text.contains("kinds/widget.yaml") && text.contains("did you mean `full`?"), "{text}");
}

#[test]
fn completion_scripts_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = command(&["completion", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = out(&output);
        assert!(COMMANDS.iter().all(|name| script.contains(name)), "{shell}");
        assert!(script.contains("token-file"), "{shell}");
    }
    assert_eq!(command(&["completion", "cmd"]).status.code(), Some(2));
}

#[test]
fn the_example_configuration_is_sound() {
    let file = repository().join("config/aws-event-cache.yaml");
    let output = command(&["check-config", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).starts_with("The file is sound. Drive mode: observe"), "{}", out(&output));
}

#[test]
fn check_config_reports_every_mistake_at_once_with_its_place_and_the_nearest_word() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    fs::write(&file, "acounts: {discover: false}\nclouddriver: {url: 'http://localhost:7002'}\ndrive:\n  mode: observ\nstore: {path: relative.redb, sise: 3}\n").unwrap();
    let path = file.to_str().unwrap();
    let output = command(&["check-config", "--config", path]);
    assert_eq!(output.status.code(), Some(78));
    let text = err(&output);
    for line in [
        format!("{path}:1:1: acounts: is not a known key; did you mean `accounts`?"),
        format!("{path}:4:9: drive.mode: \"observ\" is not one of enforce, observe, off; did you mean `observe`?"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    assert!(text.contains(":5:") && text.contains("store.sise"), "{text}");
    assert!(text.trim_end().ends_with("3 mistakes") || text.trim_end().ends_with("4 mistakes"), "{text}");

    let output = command(&["check-config", "--config", path, "--json"]);
    assert_eq!(output.status.code(), Some(78));
    let shown: Value = serde_json::from_str(&out(&output)).unwrap();
    let mode = shown["mistakes"].as_array().unwrap().iter().find(|mistake| mistake["key"] == "drive.mode").unwrap();
    assert_eq!((&mode["line"], &mode["column"], &mode["nearest"]), (&json!(4), &json!(9), &json!("observe")));
    let serve = command(&["serve", "--config", path]);
    assert_eq!(serve.status.code(), Some(78));
    assert!(err(&serve).contains("drive.mode"), "{}", err(&serve));
}

#[test]
fn check_config_prints_what_holds_for_each_account_region_and_kind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    fs::write(
        &file,
        format!(
            "accounts:\n  discover: false\n  list: [{{name: prod, accountId: '222233334444', regions: [eu-west-1, us-east-1]}}]\n\
             clouddriver: {{lockStore: {{redis: 'redis://localhost'}}}}\nintake: {{sns: {{topics: ['{TOPIC}']}}}}\n\
             environments: {{production: {{kinds: {{widget: {{ceiling: 2m}}}}}}}}\n\
             server: {{listen: '127.0.0.1:0'}}\nstore: {{path: {}/s.redb}}\ncatalog: {{folder: {}}}\n",
            folder.path().display(),
            catalog::write(folder.path()).display()
        ),
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let narrow = ["check-config", "--config", path, "--account", "prod", "--region", "eu-west-1", "--kind", "widgets"];
    let output = command(&narrow);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("222233334444")).collect();
    let [row] = rows[..] else { panic!("not one row:\n{text}") };
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        words,
        ["222233334444", "prod", "eu-west-1", "production", "widget", "30s", "2m", "2m", "profile-of-kind"]
    );
    let json: Value = serde_json::from_str(&out(&command(&["check-config", "--config", path, "--json"]))).unwrap();
    assert_eq!(json["places"].as_array().unwrap().len(), 2, "{json}");
    let more = format!(
        "{}answer: {{mode: observe, accounts: {{prod: serve}}, kinds: {{widgets: pass}}}}\n",
        fs::read_to_string(&file).unwrap()
    );
    fs::write(&file, more).unwrap();
    let text = out(&command(&["check-config", "--config", path]));
    assert!(text.contains("Answer arm: observe at 127.0.0.1:8090, plain HTTP only"), "{text}");
    let last = |kind: &str| text.lines().find(|line| line.contains(kind)).unwrap().split_whitespace().next_back();
    assert_eq!((last(" widget "), last(" gadget ")), (Some("pass"), Some("serve")), "{text}");
    let nobody = command(&["check-config", "--config", path, "--account", "prd"]);
    assert!(out(&nobody).contains("No account of the file fits."), "{}", out(&nobody));
}

/// Runs `replay` on lines, from standard input.
fn replay(lines: &[String], more: &[&str]) -> Output {
    let mut child = prepared(&[&["replay", "-"], more].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn replay_says_of_every_recorded_message_what_would_be_done() {
    let names =
        ["call", "config-item", "config-oversized", "event-instance-state", "scaling-terminate", "envelope-in-queue"];
    let lines: Vec<String> = names.iter().map(|name| fixture(name).0.to_string()).collect();
    let output = replay(&lines, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(
        err(&output).trim_end(),
        "6 would lead to refreshes, 0 to nothing, 0 are not served, 0 were not understood"
    );
    let text = out(&output);
    for (number, name) in names.iter().enumerate() {
        let payload = fixture(name).1["payload"].as_str().unwrap().to_owned();
        let head = format!("{}: {payload} -> planned", number + 1);
        let after = text.split_once(&head).unwrap_or_else(|| panic!("{head}\nis not in\n{text}")).1;
        let own = after.split("\n\u{31}").next().unwrap();
        assert!(own.contains("      run 111122223333"), "{name}: {own}");
    }
    for leak in ["Some(", "some(", "Place {", "[\""] {
        assert!(!text.contains(leak), "{leak} is not for people: {text}");
    }
    let json = replay(&lines, &["--json"]);
    for (line, text) in out(&json).lines().enumerate() {
        let judged: Value = serde_json::from_str(text).unwrap();
        assert_eq!((&judged["line"], &judged["verdict"]), (&json!(line + 1), &json!("planned")), "{judged}");
        assert!(!judged["hints"][0]["runs"].as_array().unwrap().is_empty(), "{judged}");
    }
}

#[test]
fn replay_takes_signed_envelopes_from_a_file_and_ends_with_status_1_when_something_was_not_understood() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages.jsonl");
    let signer = Signer::new(&TestRoot::new(now()).unwrap()).unwrap();
    let message = Message::notification(TOPIC, &fixture("call").0.to_string(), now());
    let envelope = signer.sign(&message, Version::V2).unwrap().to_json();
    fs::write(&file, format!("{envelope}\n\n{}\n", fixture("heartbeat").0)).unwrap();
    let path = file.to_str().unwrap();
    let output = command(&["replay", path]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("1: call -> planned") && out(&output).contains("3: heartbeat -> nothing"),
        "{}",
        out(&output)
    );

    fs::write(&file, format!("{envelope}\n{}\n", fixture("unknown-object").0)).unwrap();
    let output = command(&["replay", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("2: unknown -> unknown"), "{}", out(&output));
    assert!(err(&output).contains("1 were not understood"), "{}", err(&output));

    let missing = command(&["replay", "/nowhere/at/all.jsonl"]);
    assert_eq!(missing.status.code(), Some(78));
    assert!(err(&missing).contains("/nowhere/at/all.jsonl cannot be read: No such file"), "{}", err(&missing));
}

/// Fails unless a report has exactly the agreed shape.
fn assert_report(report: &Value) {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(report["simulated"], true);
    assert!(report["time_factor"].as_u64().unwrap() > 1);
    assert_eq!(keys(&report["worlds"]), ["answer", "drive", "stock"]);
    for world in ["stock", "drive", "answer"] {
        let world = &report["worlds"][world];
        for number in ["/aws_calls", "/throttled_calls", "/staleness_ms/p50", "/staleness_ms/p95", "/staleness_ms/max"]
        {
            assert!(world.pointer(number).is_some_and(Value::is_u64), "{number}: {report}");
        }
        assert!(world["aws_calls"].as_u64().unwrap() > 0, "{report}");
    }
    assert_eq!(report["forgeries"]["sent"], report["forgeries"]["rejected"], "{report}");
}

#[test]
fn the_last_line_of_a_demonstration_in_json_has_the_agreed_shape_and_every_forgery_was_refused() {
    // Slow enough for a debug build on a busy machine, and long enough for a forgery.
    let output = command(&["demo", "--seconds", "20", "--factor", "20", "--seed", "3", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let report: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_report(&report);
    assert!(report["forgeries"]["sent"].as_u64().unwrap() > 0, "no forgery was sent: {report}");
    assert_eq!(text.lines().count(), 1, "progress goes to standard error: {text}");
    assert!(err(&output).starts_with("Simulated:"), "{}", err(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_a_demonstration_with_its_table() {
    let mut child =
        prepared(&["demo", "--seconds", "600"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first line of progress tells that it has begun.
    let mut progress = child.stderr.take().unwrap();
    let mut seen = String::new();
    let mut some = [0; 512];
    while !seen.contains("agents held") {
        let read = progress.read(&mut some).unwrap();
        assert!(read > 0, "it ended by itself: {seen}");
        seen.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    signal(child.id(), "INT");
    let status = eventually("it ends", Duration::from_secs(10), async || child.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(0));
    let mut table = String::new();
    child.stdout.take().unwrap().read_to_string(&mut table).unwrap();
    for word in ["AWS calls", "throttled calls", "forgeries refused", "STALENESS", "answered from memory"] {
        assert!(table.contains(word), "{word}: {table}");
    }
}
