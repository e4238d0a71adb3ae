//! `aws-setup` and `cost` as a person or a script meets them, and what docs/aws-setup.md and docs/cost.md tell people to run and to write.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::service::prepared;

const ENDPOINT: &str = "https://spinnaker-gate.example.com/webhooks/aws-event-cache";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    fs::read_to_string(repository().join("docs").join(name)).unwrap()
}

fn example() -> String {
    fs::read_to_string(repository().join("deploy/aws/example.yaml")).unwrap()
}

/// The example with a queue beside its topic, in a folder of its own.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let queue = "  sqs:\n    queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/changes}]\n";
    let text = example().replace("intake:\n", &format!("intake:\n{queue}"));
    fs::write(folder.path().join("config.yaml"), text).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    prepared(arguments).current_dir(folder).output().unwrap()
}

fn out(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn blocks(page: &str, language: &str) -> Vec<String> {
    let (mut blocks, mut lines) = (Vec::new(), page.lines());
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            blocks.push(lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect());
        }
    }
    blocks
}

#[test]
fn every_command_of_the_pages_does_what_it_says() {
    let folder = folder();
    let mut seen = 0;
    for block in ["aws-setup.md", "cost.md"].iter().flat_map(|name| blocks(&page(name), "sh")) {
        for line in block.lines().filter_map(|line| line.strip_prefix("aws-event-cache ")) {
            let arguments: Vec<&str> = line.split_whitespace().collect();
            let output = run(folder.path(), &arguments);
            assert_eq!(output.status.code(), Some(0), "{line}: {}", err(&output));
            seen += 1;
        }
    }
    assert!(seen >= 8, "the pages have lost their examples");
    for file in ["hub.yaml", "member.yaml", "deploy.sh", "main.tf", "hub/main.tf", "member/rules.tf"] {
        assert!(folder.path().join("aws").join(file).is_file(), "{file}");
    }
}

#[test]
fn every_configuration_of_the_pages_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let configurations = blocks(&page("aws-setup.md"), "yaml");
    assert!(configurations.len() >= 2, "the page has lost its examples");
    for (n, block) in configurations.iter().enumerate() {
        assert!(block.starts_with("# config.yaml"), "{block}");
        let file = folder.path().join(format!("{n}.yaml"));
        let base = "clouddriver: {url: http://clouddriver, lockStore: {redis: redis://redis}}\n";
        fs::write(&file, format!("{base}{block}")).unwrap();
        let output = prepared(&["check-config", "--config"]).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let output = prepared(&["aws-setup", "cloudformation", "--config"]).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
}

#[test]
fn the_page_of_costs_lists_every_assumption_and_price_as_it_is() {
    let estimate: Value =
        serde_json::from_str(&out(&run(folder().path(), &["cost", "--config", "config.yaml", "--json"]))).unwrap();
    let page = page("cost.md");
    for assumption in estimate["assumptions"].as_array().unwrap() {
        let row = format!("| `{}` | {} |", assumption["id"].as_str().unwrap(), assumption["value"].as_f64().unwrap());
        assert!(page.contains(&row), "{row}");
    }
    for price in estimate["prices"].as_array().unwrap() {
        let id = price["id"].as_str().unwrap();
        assert!(page.contains(&format!("`{id}`")) || id == "trail-event", "{id}");
    }
    assert!(page.contains(estimate["priceDate"].as_str().unwrap()), "the date of the prices");
    let metrics = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    for name in page.split('`').filter(|word| word.starts_with("event_cache_")) {
        assert!(metrics.contains(&format!("`{name}`")), "{name} is no metric");
    }
}

#[test]
fn the_shipped_folder_is_what_the_command_writes() {
    let folder = tempfile::tempdir().unwrap();
    let config = repository().join("deploy/aws/example.yaml");
    for form in ["cloudformation", "terraform", "policy"] {
        let to = folder.path().join(form);
        let mut command = prepared(&["aws-setup", form, "--endpoint", ENDPOINT, "--config"]);
        let output = command.arg(&config).arg("--out").arg(&to).output().unwrap();
        assert_eq!(out(&output), "", "with --out, standard output is silent");
        let written: Vec<String> =
            err(&output).lines().map(|line| line.strip_prefix("wrote ").unwrap().to_owned()).collect();
        assert!(!written.is_empty());
        for path in written {
            let below = Path::new(&path).strip_prefix(folder.path()).unwrap();
            let shipped = fs::read_to_string(repository().join("deploy/aws").join(below)).unwrap();
            assert!(fs::read_to_string(&path).unwrap() == shipped, "deploy/aws/{}: cargo xtask docs", below.display());
        }
    }
}

#[test]
fn the_commands_that_deploy_are_a_sound_script() {
    let folder = folder();
    out(&run(folder.path(), &["aws-setup", "cloudformation", "--config", "config.yaml", "--out", "aws"]));
    let output = Command::new("bash").arg("-n").arg(folder.path().join("aws/deploy.sh")).output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
}

#[test]
fn one_file_is_printed_as_it_is_and_several_with_their_names() {
    let folder = folder();
    let one = out(&run(folder.path(), &["aws-setup", "policy", "--config", "config.yaml", "--only", "reader.json"]));
    let policy: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(policy["Statement"][0]["Resource"], "arn:aws:sqs:eu-west-1:111122223333:changes");
    let all = out(&run(folder.path(), &["aws-setup", "policy", "--config", "config.yaml"]));
    for name in ["reader", "topic", "queue", "dead-letters", "bus", "key", "doctor"] {
        assert!(all.contains(&format!("# ---- {name}.json\n")), "{name}");
    }
    let none = run(folder.path(), &["aws-setup", "policy", "--config", "config.yaml", "--only", "readers.json"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(err(&none).contains("readers.json") && err(&none).contains("reader.json"), "{}", err(&none));
}

#[test]
fn the_public_address_of_the_configuration_is_subscribed_unless_another_is_given() {
    let folder = folder();
    let text = example().replace("  sns:\n", &format!("  sns:\n    publicUrl: {ENDPOINT}\n"));
    fs::write(folder.path().join("public.yaml"), text).unwrap();
    let hub = |more: &[&str]| {
        let base = ["aws-setup", "cloudformation", "--config", "public.yaml", "--only", "hub.yaml"];
        out(&run(folder.path(), &[&base, more].concat()))
    };
    assert!(hub(&[]).contains(&format!("Default: \"{ENDPOINT}\"")));
    let other = "https://events.example.com/v1/sns";
    let given = hub(&["--endpoint", other]);
    assert!(given.contains(&format!("Default: \"{other}\"")) && !given.contains(ENDPOINT), "{given}");
}

#[test]
fn mistakes_are_told_with_what_would_be_right() {
    let folder = folder();
    let without = example().replace(
        "  sns:\n    topics: [arn:aws:sns:eu-west-1:111122223333:spinnaker-changes]\n",
        "  sns: {accounts: [\"111122223333\"]}\n",
    );
    fs::write(folder.path().join("without.yaml"), without).unwrap();
    for (arguments, code, says) in [
        (vec!["aws-setup", "cloudformation", "--config", "without.yaml"], 78, "intake.sns.topics"),
        (vec!["aws-setup", "terraform", "--config", "config.yaml", "--endpoint", "http://gate"], 1, "--endpoint"),
        (vec!["aws-setup", "terraform", "--config", "config.yaml", "--key", "mine"], 1, "--key"),
        (vec!["aws-setup", "terraform", "--config", "none.yaml"], 78, "none.yaml"),
        (vec!["cost", "--config", "config.yaml", "--price", "config-itm=1"], 1, "config-item"),
        (vec!["cost", "--config", "config.yaml", "--assume", "deployments=-1"], 1, "from 0 on"),
        (vec!["cost", "--config", "without.yaml"], 78, "intake.sqs.queues"),
    ] {
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {}", err(&output));
        assert!(err(&output).contains(says), "{arguments:?}: {}", err(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }
}

#[test]
fn costs_are_printed_with_every_price_assumption_and_formula() {
    let folder = folder();
    let text = out(&run(folder.path(), &["cost", "--config", "config.yaml", "--recorder", "create"]));
    let estimate: Value = serde_json::from_str(&out(&run(
        folder.path(),
        &["cost", "--config", "config.yaml", "--recorder", "create", "--json"],
    )))
    .unwrap();
    for list in ["prices", "assumptions"] {
        for of in estimate[list].as_array().unwrap() {
            assert!(text.contains(of["id"].as_str().unwrap()) && text.contains(of["what"].as_str().unwrap()), "{of}");
        }
    }
    for line in estimate["lines"].as_array().unwrap() {
        assert!(text.contains(line["formula"].as_str().unwrap()), "{line}");
    }
    let first = text.lines().next().unwrap();
    assert!(first.contains(&format!("${:.2}", estimate["usd"].as_f64().unwrap())), "{first}");
}
