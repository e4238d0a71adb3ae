//! The files that the kits hand to Spinnaker's services, read by Spring as these services read them, and bound to the classes that they bind them to.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use aws_event_cache_testkit::{Host, HostSettings, bridge_plugin};
use serde_json::{Value, json};

use crate::support::{Recipe, configuration, documents, find, repository, run, source};

/// What kork binds `spinnaker.extensibility` to.
const PLUGINS: &str =
    "spinnaker.extensibility|com.netflix.spinnaker.config.PluginsConfigurationProperties|pluginsRootPath";

/// What Clouddriver binds `aws.proxy` to.
const PROXY: &str = "aws.proxy|com.netflix.spinnaker.clouddriver.aws.security.AWSProxy";

/// And `aws` itself.
const USER: &str =
    "aws|com.netflix.spinnaker.clouddriver.aws.AwsConfigurationProperties|client.addSpinnakerUserToUserAgent";

const ENABLED: &str = "spinnaker.extensibility.plugins.AwsEventCache.Bridge.enabled";
const BASE: &str = "aws-event-cache.base-url";

/// The variables that the kits take from the Secret.
const ENVIRONMENT: [(&str, &str); 2] =
    [("AWS_EVENT_CACHE_REFRESH_TOKEN", "the-token"), ("AWS_EVENT_CACHE_PROXY_PASSWORD", "the-password")];

/// Has Spring on this class path load a service's files; gives what was asked for.
fn loaded(classpath: &str, service: &str, files: &[(String, String)], wishes: &[&str]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().display().to_string();
    for (path, text) in files {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        // The stock files name the folder in which they are mounted.
        fs::write(file, text.replace("/opt/spinnaker/config", &inside)).unwrap();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), Into::into);
    let list = target.join("harness").join(classpath).join("classpath");
    let list = fs::read_to_string(&list).unwrap_or_else(|_| panic!("{} is missing: cargo xtask setup", list.display()));
    let mut java = Command::new("java");
    java.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", list.trim()]);
    java.arg(repository().join("harness/kits/Profiles.java")).args([service, &inside]).args(wishes);
    let said = run(java.envs(ENVIRONMENT)).unwrap_or_else(|error| panic!("{service}: {error}"));
    let pairs = said.lines().filter_map(|line| line.split_once('\t'));
    pairs.map(|(wish, value)| (wish.to_owned(), value.to_owned())).collect()
}

/// What an operator writes from a recipe with these parts: each profile is the service's local file.
fn by_operator(service: &str, parts: &[&str]) -> Vec<(String, String)> {
    let components: Vec<&str> =
        ["core", "aws-event-cache/operator/core"].into_iter().chain(parts.iter().copied()).collect();
    let root =
        json!({"kind": "Kustomization", "apiVersion": "kustomize.config.k8s.io/v1beta1", "components": components});
    let all = documents(&Recipe::new("operator").build(&root.to_string()).unwrap());
    let profiles = &find(&all, "SpinnakerService", "spinnaker")["spec"]["spinnakerConfig"]["profiles"];
    // JSON is YAML.
    let local = |name: &str, profile: &Value| (format!("{name}-local.yml"), profile.to_string());
    vec![local("spinnaker", &profiles["spinnaker"]), local(service, &profiles[service])]
}

/// What a pod of spinnaker-kustomize finds in its configuration folder.
fn by_kustomize(service: &str, parts: &[&str]) -> Vec<(String, String)> {
    let components: Vec<&str> = ["overlays/config"].into_iter().chain(parts.iter().copied()).collect();
    let root = json!({
        "kind": "Kustomization", "apiVersion": "kustomize.config.k8s.io/v1beta1", "resources": ["base"], "components": components,
    });
    configuration(&documents(&Recipe::new("stock").build(&root.to_string()).unwrap()), service)
}

fn gate_knows_its_plugin(classpath: &str, files: &[(String, String)]) {
    let seen = loaded(classpath, "gate", files, &[PLUGINS, ENABLED, BASE]);
    assert_eq!(seen[PLUGINS], "/opt/gate/plugins");
    assert_eq!(seen[ENABLED], "true");
    assert_eq!(seen[BASE], "http://aws-event-cache.spinnaker.svc:8081");
}

#[test]
fn gate_of_1_28_takes_an_operators_profile() {
    gate_knows_its_plugin("hosts/gate-7.136.0", &by_operator("gate", &["aws-event-cache/operator/gate-plugin"]));
}

#[test]
fn gate_of_1_38_takes_the_file_of_the_component() {
    gate_knows_its_plugin("hosts/gate-7.254.0", &by_kustomize("gate", &["aws-event-cache/kustomize/gate-plugin"]));
}

#[test]
fn clouddriver_takes_the_answer_arm_for_its_proxy() {
    let wishes: Vec<String> =
        ["proxyHost", "proxyPort", "proxyUsername", "proxyPassword"].map(|name| format!("{PROXY}|{name}")).into();
    let wishes: Vec<&str> = wishes.iter().map(String::as_str).chain([USER]).collect();
    let operators = by_operator("clouddriver", &["aws-event-cache/operator/answer"]);
    let halyards =
        vec![("clouddriver-local.yml".to_owned(), source("deploy/halyard/options/profiles/clouddriver-local.yml"))];
    for files in [operators, halyards] {
        let seen = loaded("clouddriver-1.36", "clouddriver", &files, &wishes);
        let values: Vec<&str> = wishes.iter().map(|wish| seen[*wish].as_str()).collect();
        assert_eq!(values, ["aws-event-cache.spinnaker.svc", "8090", "clouddriver", "the-password", "true"]);
    }
}

const STAGE: &str = "webhook.preconfigured[0].type";
const TOKEN: &str = "webhook.preconfigured[0].customHeaders.Authorization[0]";
const PAYLOAD: &str = "webhook.preconfigured[0].payload";

#[test]
fn orca_on_spring_boot_3_takes_the_stage_with_its_token_and_leaves_its_expressions_alone() {
    let files = by_kustomize("orca", &["aws-event-cache/kustomize/stage"]);
    let seen = loaded("hosts/gate-boot3", "orca", &files, &[STAGE, TOKEN, PAYLOAD]);
    assert_eq!((seen[STAGE].as_str(), seen[TOKEN].as_str()), ("refreshAwsCache", "Bearer the-token"));
    let shipped = source("deploy/orca/refresh-stage.yml");
    for expression in seen[PAYLOAD].split("\\n") {
        assert!(shipped.contains(expression), "{expression} is not what was shipped");
    }
}

/// As docs/install/spinnaker-kustomize.md says of lists.
#[test]
fn a_list_in_orcas_own_local_file_is_the_one_that_holds() {
    let mut files = by_kustomize("orca", &["aws-event-cache/kustomize/stage"]);
    files.retain(|(path, _)| path != "orca-local.yml");
    files.push(("orca-local.yml".to_owned(), "webhook: {preconfigured: [{type: ourOwn}]}\n".to_owned()));
    assert!(files.iter().any(|(path, _)| Path::new(path).starts_with("aws-event-cache")));
    assert_eq!(loaded("hosts/gate-7.254.0", "orca", &files, &[STAGE])[STAGE], "ourOwn");
}

/// As Halyard's option for the button has it: Gate loads from a repository that the init container's script has made.
#[test]
fn gate_loads_the_plugin_from_the_repository_of_the_init_container() {
    let pod = tempfile::tempdir().unwrap();
    let at = pod.path().display().to_string();
    let bundle = bridge_plugin(None).unwrap();
    let mut script = Command::new("sh");
    script.arg(repository().join("deploy/image/install.sh")).args(["repository", &at]);
    run(script.env("FROM", bundle.parent().unwrap()).env("TARGET", &at)).unwrap();
    for host in [Host::GateOldest, Host::GateNewest] {
        let list = format!("--spinnaker.extensibility.repositories.aws-event-cache.url=file://{at}/plugins.json");
        let arguments = [list.as_str(), "--spinnaker.extensibility.repositories.aws-event-cache.enabled=true"];
        let settings = HostSettings { plugins: &[], arguments: &arguments, environment: &[], jvm: &[] };
        let gate = host.start(&settings).unwrap();
        assert!(
            gate.log().contains("aws-event-cache bridge: POST /webhooks/aws-event-cache goes to"),
            "{}",
            gate.log()
        );
    }
}
