//! What goes into the images: the init container's script is run as the container runs it.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{repository, run, source};
use tempfile::TempDir;

struct Pod {
    plugins: TempDir,
    target: TempDir,
}

impl Pod {
    fn new() -> Self {
        let pod = Self { plugins: tempfile::tempdir().unwrap(), target: tempfile::tempdir().unwrap() };
        for name in ["gate.zip", "clouddriver.zip", "deck.zip", "AwsEventCache.Bridge-0.1.0.zip"] {
            fs::write(pod.plugins.path().join(name), name).unwrap();
        }
        pod
    }

    fn install(&self, arguments: &[&str]) -> Result<String, String> {
        let mut script = Command::new("sh");
        script.arg(repository().join("deploy/image/install.sh")).args(arguments);
        run(script.env("FROM", self.plugins.path()).env("TARGET", self.target.path()))
    }

    fn names(&self) -> Vec<String> {
        names(self.target.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_service_gets_its_own_part_only() {
    for part in ["gate", "clouddriver"] {
        let pod = Pod::new();
        pod.install(&[part]).unwrap();
        let name = format!("AwsEventCache.Bridge-{part}.zip");
        assert_eq!(pod.names(), std::slice::from_ref(&name));
        assert_eq!(fs::read_to_string(pod.target.path().join(name)).unwrap(), format!("{part}.zip"));
    }
}

#[test]
fn a_repository_names_the_bundle_that_is_in_it_by_the_folder_that_gate_has_it_in() {
    let pod = Pod::new();
    pod.install(&["repository", "/opt/gate/aws-event-cache"]).unwrap();
    assert_eq!(pod.names(), ["AwsEventCache.Bridge-0.1.0.zip", "plugins.json"]);
    let list: Value =
        serde_json::from_str(&fs::read_to_string(pod.target.path().join("plugins.json")).unwrap()).unwrap();
    let release = &list[0]["releases"][0];
    assert_eq!((&list[0]["id"], &release["version"]), (&"AwsEventCache.Bridge".into(), &"0.1.0".into()));
    assert_eq!(release["url"], "file:///opt/gate/aws-event-cache/AwsEventCache.Bridge-0.1.0.zip");
}

#[test]
fn the_whole_bundle_keeps_its_name() {
    let pod = Pod::new();
    pod.install(&["bundle"]).unwrap();
    assert_eq!(pod.names(), ["AwsEventCache.Bridge-0.1.0.zip"]);
}

#[test]
fn what_an_earlier_version_left_goes_and_other_plugins_stay() {
    let pod = Pod::new();
    let at = |name: &str| pod.target.path().join(name);
    fs::write(at("AwsEventCache.Bridge-0.0.9.zip"), "").unwrap();
    fs::create_dir_all(at("AwsEventCache.Bridge-gate/classes")).unwrap();
    fs::write(at("Example.Other-1.zip"), "").unwrap();
    pod.install(&["gate"]).unwrap();
    assert_eq!(pod.names(), ["AwsEventCache.Bridge-gate.zip", "Example.Other-1.zip"]);
}

#[test]
fn a_copy_that_fails_leaves_nothing_that_could_be_taken_for_a_plugin() {
    let pod = Pod::new();
    fs::remove_file(pod.plugins.path().join("gate.zip")).unwrap();
    pod.install(&["gate"]).unwrap_err();
    assert_eq!(pod.names(), [""; 0]);
}

#[test]
fn a_word_that_it_does_not_know_is_refused() {
    for arguments in
        [&["orca"][..], &[], &["../gate"], &["gate", "clouddriver"], &["repository"], &["repository", "here"]]
    {
        let refused = Pod::new().install(arguments).unwrap_err();
        assert!(refused.contains("usage: install.sh gate|clouddriver|bundle"), "{refused}");
    }
}

#[test]
fn the_images_are_built_from_what_the_repository_has() {
    for file in ["deploy/image/Containerfile", "deploy/image/bridge.Containerfile"] {
        for line in source(file).lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from=")) {
            let words: Vec<&str> = line.split_whitespace().skip(1).collect();
            let (_, sources) = words.split_last().unwrap();
            for source in sources {
                assert!(repository().join(source).exists(), "{file}: {line}");
            }
        }
    }
}

/// The toolchain in the image is the one that everything was tested with.
#[test]
fn the_image_builds_with_the_repositorys_toolchain() {
    let toolchain = source("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    let file = source("deploy/image/Containerfile");
    assert!(file.contains(&format!("RUSTUP_TOOLCHAIN={channel} ")));
    let minor = channel.rsplit_once('.').unwrap().0;
    assert!(file.contains(&format!("ARG RUST=docker.io/library/rust:{minor}-alpine")));
}
