//! What docs/install tells people to write and to run is what their tools take.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Recipe, assert_valid, blocks, document, documents, find, repository, run, source, tool};

const PAGES: [&str; 5] = ["armory-operator", "spinnaker-operator", "spinnaker-kustomize", "halyard", "helm"];

fn page(name: &str) -> String {
    source(&format!("docs/install/{name}.md"))
}

/// The YAML blocks that begin with this comment.
fn yaml(name: &str, begins: &str) -> Vec<String> {
    let all = blocks(&page(name), "yaml");
    all.into_iter().filter(|block| block.starts_with(begins)).collect()
}

fn commands(name: &str) -> Vec<String> {
    let lines =
        blocks(&page(name), "sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_block_of_yaml_is_yaml_and_says_what_file_it_is_of() {
    for name in PAGES {
        for block in blocks(&page(name), "yaml") {
            document(&block);
            assert!(block.starts_with("# "), "{name}: {block}");
        }
    }
}

#[test]
fn every_kustomization_in_the_pages_builds() {
    let mut built = 0;
    for (name, fixture) in [
        ("armory-operator", "operator"),
        ("spinnaker-operator", "operator"),
        ("spinnaker-kustomize", "stock"),
        ("halyard", "stock"),
    ] {
        for root in yaml(name, "# kustomization.yml") {
            let recipe = Recipe::new(fixture);
            let all = documents(&recipe.build(&root).unwrap_or_else(|error| panic!("{name}: {error}\n{root}")));
            assert_valid(&all);
            find(&all, "Deployment", "aws-event-cache");
            built += 1;
        }
    }
    assert!(built >= 7, "the pages have lost their examples: {built}");
}

#[test]
fn a_configuration_of_ones_own_can_be_merged_by_a_component_below_ours() {
    let recipe = Recipe::new("stock");
    let mine = recipe.path().join("aws-event-cache-mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("config.yaml"), "drive: {mode: enforce}\n").unwrap();
    fs::write(
        mine.join("kustomization.yml"),
        &yaml("spinnaker-kustomize", "# aws-event-cache-mine/kustomization.yml")[0],
    )
    .unwrap();
    let root = yaml("spinnaker-kustomize", "# kustomization.yml")[0]
        .replace("- aws-event-cache/kustomize\n", "- aws-event-cache/kustomize\n  - aws-event-cache-mine\n");
    let all = documents(&recipe.build(&root).unwrap());
    assert_eq!(find(&all, "ConfigMap", "aws-event-cache-config")["data"]["config.yaml"], "drive: {mode: enforce}\n");
}

#[test]
fn every_part_that_the_pages_name_is_there_and_every_part_that_is_there_is_named() {
    let (mut named, mut there) = (Vec::new(), Vec::new());
    for name in PAGES {
        let page = page(name);
        named.extend(
            page.split(['`', '\n', ' ']).filter_map(|word| word.strip_prefix("aws-event-cache/")).map(str::to_owned),
        );
    }
    for word in &named {
        let path = format!("deploy/{}", word.trim_end_matches('/'));
        assert!(repository().join(&path).exists(), "{path}");
    }
    for kit in ["operator", "kustomize"] {
        for file in support::files(&format!("deploy/{kit}")).iter().filter(|file| file.ends_with("kustomization.yml")) {
            there.push(file.parent().unwrap().strip_prefix(repository().join("deploy")).unwrap().display().to_string());
        }
    }
    for part in there {
        // The appending variants of the options are told of in general.
        let told = named.contains(&part) || part.ends_with("/append") && named.contains(&part.replace("/append", ""));
        assert!(told, "{part} is in no page");
    }
}

#[test]
fn the_helm_pages_values_render() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = yaml("helm", "# values.yaml");
    assert!(blocks.len() >= 4, "the page has lost its examples");
    let mut all = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let file = folder.path().join(format!("{number}.yaml"));
        fs::write(&file, block).unwrap();
        all.extend(["--values".to_owned(), file.display().to_string()]);
    }
    let mut helm = Command::new(tool("helm"));
    helm.args(["template", "aws-event-cache", "deploy/helm/aws-event-cache", "--namespace", "spinnaker"]).args(all);
    let rendered = documents(&run(helm.current_dir(repository())).unwrap());
    assert_valid(&rendered);
    find(&rendered, "Ingress", "aws-event-cache");
    find(&rendered, "ServiceMonitor", "aws-event-cache");
}

#[test]
fn helm_knows_every_command_that_the_page_has_for_it() {
    let mut seen = 0;
    let shown = page("helm");
    let inline = shown.split('`').filter(|word| word.starts_with("helm show"));
    for line in commands("helm").iter().map(String::as_str).chain(inline).filter(|line| line.starts_with("helm ")) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("values.yaml"), "{}").unwrap();
        support::copy(&repository().join("deploy"), &folder.path().join("deploy"));
        let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
        // What would ask a cluster only says what it would do.
        match words[0] {
            "upgrade" | "uninstall" => words.push("--help"),
            _ => {}
        }
        run(Command::new(tool("helm")).args(&words).current_dir(folder.path()))
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}

/// Files that commands copy or apply are in the repository.
#[test]
fn what_the_pages_copy_and_apply_is_there() {
    let mut seen = 0;
    for name in PAGES {
        for line in commands(name) {
            for word in line.split_whitespace().filter(|word| *word == "deploy" || word.starts_with("deploy/")) {
                // kubectl's own words for a Deployment.
                if !word.starts_with("deployment") {
                    assert!(repository().join(word).exists(), "{name}: {line}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn what_is_deleted_at_the_end_is_all_that_was_made() {
    let mut recipe = String::from(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [aws-event-cache/service]\n",
    );
    recipe.push_str("components: [aws-event-cache/orca, aws-event-cache/deck, aws-event-cache/service/ingress]\n");
    let all = documents(&Recipe::new("stock").build(&recipe).unwrap());
    for name in ["armory-operator", "spinnaker-operator", "spinnaker-kustomize"] {
        let line = commands(name).into_iter().find(|line| line.contains("--selector")).unwrap();
        let selector = line.rsplit(' ').next().unwrap().split_once('=').unwrap();
        let kinds: Vec<&str> = line.split(" delete ").nth(1).unwrap().split(' ').next().unwrap().split(',').collect();
        for document in &all {
            assert_eq!(document["metadata"]["labels"][selector.0], selector.1, "{}", document["kind"]);
            let kind = document["kind"].as_str().unwrap().to_lowercase();
            assert!(kinds.contains(&kind.as_str()), "{name}: {kind} stays behind");
        }
    }
}

#[test]
fn halyards_block_is_the_shipped_file() {
    let block = document(&yaml("halyard", "# ~/.hal/config")[0]);
    assert_eq!(block, document(&source("deploy/halyard/init-containers.yml")));
}

#[test]
fn versions_in_the_pages_and_files_are_the_products() {
    let version = env!("CARGO_PKG_VERSION");
    for path in ["deploy", "docs/install"] {
        for file in support::files(path) {
            let text = fs::read_to_string(&file).unwrap();
            for (at, image) in text.match_indices("ghcr.io/aws-event-cache/") {
                let word: String = text[at + image.len()..]
                    .chars()
                    .take_while(|c| !c.is_whitespace() && !"\"'`,}".contains(*c))
                    .collect();
                if let Some((_, tag)) = word.split_once(':') {
                    assert_eq!(tag, version, "{}", file.display());
                }
            }
            for tag in text.lines().filter_map(|line| line.trim().strip_prefix("newTag: ")) {
                assert_eq!(tag, version, "{}", file.display());
            }
        }
    }
}

/// Links to other pages and their headings.
#[test]
fn links_lead_somewhere() {
    for name in PAGES {
        let page = page(name);
        for link in
            page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).filter(|link| !link.contains("://"))
        {
            let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
            let file = Path::new("docs/install").join(path);
            let text =
                fs::read_to_string(repository().join(&file)).unwrap_or_else(|error| panic!("{name}: {link}: {error}"));
            if let Some(heading) = heading {
                let has = text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
                assert!(has, "{name}: {link}");
            }
        }
    }
}

fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    words.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The block of the configuration fits into the shipped file: see crates/event-cache/tests/kits.rs for the binary's own word on it.
#[test]
fn the_example_of_a_lock_store_fits_the_shipped_configuration() {
    let block: Value = document(&yaml("armory-operator", "# config.yaml")[0]);
    assert!(
        source("deploy/service/config.yaml")
            .contains("password: {file: /run/secrets/aws-event-cache/database-password}")
    );
    assert_eq!(block["clouddriver"]["lockStore"]["password"]["file"], "/run/secrets/aws-event-cache/database-password");
}
