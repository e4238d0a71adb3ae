//! `deploy/operator`, in a recipe of Armory CD and in one of the Spinnaker Operator.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Recipe, assert_valid, build, document, documents, find, source};

const ARMORY: &str = "spinnaker.armory.io/v1alpha2";
const OSS: &str = "spinnaker.io/v1alpha2";

/// A recipe of these components below the base, for one of the two groups.
fn root(group: &str, components: &[&str]) -> String {
    let patches = match group {
        OSS => json!([{"path": "utilities/switch-to-oss.yml", "target": {"kind": "SpinnakerService"}}]),
        _ => json!([]),
    };
    let components: Vec<&str> = ["core"].into_iter().chain(components.iter().copied()).collect();
    json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "spinnaker",
        "components": components, "patches": patches,
    })
    .to_string()
}

fn built(group: &str, components: &[&str]) -> Result<Vec<Value>, String> {
    Recipe::new("operator").build(&root(group, components)).map(|yaml| documents(&yaml))
}

fn spinnaker(group: &str, components: &[&str]) -> Value {
    find(&built(group, components).unwrap(), "SpinnakerService", "spinnaker").clone()
}

/// What the recipe hands to the operator for one service's Deployment.
fn patches<'a>(spinnaker: &'a Value, service: &str) -> Vec<&'a str> {
    let list = &spinnaker["spec"]["kustomize"][service]["deployment"]["patchesStrategicMerge"];
    list.as_array().into_iter().flatten().map(|patch| patch.as_str().unwrap()).collect()
}

/// The Deployment that an operator makes of it, with the recipe's patches applied in their order.
fn deployment(spinnaker: &Value, service: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("deployment.yml", &source("crates/kits/tests/fixtures/generated/deployment.yml").replace("SERVICE", service));
    let name = format!("spin-{service}");
    let patches: Vec<Value> = patches(spinnaker, service)
        .iter()
        .map(|patch| {
            let mut patch = document(patch);
            patch["apiVersion"] = "apps/v1".into();
            patch["kind"] = "Deployment".into();
            patch["metadata"] = json!({"name": name});
            json!({"patch": patch.to_string(), "target": {"kind": "Deployment"}})
        })
        .collect();
    write("kustomization.yml", &json!({"resources": ["deployment.yml"], "patches": patches}).to_string());
    document(&build(folder.path()).unwrap())
}

fn stages(spinnaker: &Value) -> Vec<&str> {
    let list = spinnaker["spec"]["spinnakerConfig"]["profiles"]["orca"]["webhook"]["preconfigured"].as_array();
    list.into_iter().flatten().map(|stage| stage["type"].as_str().unwrap()).collect()
}

#[test]
fn one_line_brings_everything_wherever_it_stands_and_for_both_operators() {
    let first = ["aws-event-cache/operator", "persistence", "accounts"];
    let last = ["persistence", "accounts", "aws-event-cache/operator"];
    for group in [ARMORY, OSS] {
        let (first, last) = (built(group, &first).unwrap(), built(group, &last).unwrap());
        assert_valid(&last);
        let spinnaker = find(&last, "SpinnakerService", "spinnaker");
        assert_eq!(*spinnaker, *find(&first, "SpinnakerService", "spinnaker"), "the order matters");
        assert_eq!(spinnaker["apiVersion"], group);
        assert_eq!(stages(spinnaker), ["refreshAwsCache"]);
        let profiles = &spinnaker["spec"]["spinnakerConfig"]["profiles"];
        let plugins = &profiles["gate"]["spinnaker"]["extensibility"]["plugins"];
        assert_eq!(*plugins, json!({"AwsEventCache.Bridge": {"enabled": true}, "Example.Other": {"enabled": true}}));
        assert_eq!(profiles["clouddriver"]["sql"]["enabled"], true, "what others set stays");
        find(&last, "Deployment", "aws-event-cache");
    }
}

#[test]
fn the_drive_arm_only_watches_at_first_and_nothing_of_clouddriver_is_changed() {
    let all = built(ARMORY, &["persistence", "aws-event-cache/operator"]).unwrap();
    let config = find(&all, "ConfigMap", "aws-event-cache-config")["data"]["config.yaml"].as_str().unwrap();
    let config: Value = serde_saphyr::from_str(config).unwrap();
    assert_eq!((&config["drive"]["mode"], &config["answer"]["mode"]), (&json!("observe"), &json!("off")));
    let (with, without) = (find(&all, "SpinnakerService", "spinnaker"), spinnaker(ARMORY, &["persistence"]));
    for part in ["kustomize", "spinnakerConfig/profiles"] {
        let at = |spinnaker: &Value| spinnaker.pointer(&format!("/spec/{part}/clouddriver")).cloned();
        assert_eq!(at(with), at(&without));
    }
}

#[test]
fn what_the_operator_makes_of_it_is_what_kubernetes_takes() {
    let parts = [
        "aws-event-cache/operator",
        "aws-event-cache/operator/clouddriver-plugin",
        "aws-event-cache/operator/answer/append",
    ];
    let spinnaker = spinnaker(OSS, &parts);
    for (service, variable) in [
        ("gate", Some("AWS_EVENT_CACHE_SECRET")),
        ("orca", Some("AWS_EVENT_CACHE_REFRESH_TOKEN")),
        ("deck", None),
        ("clouddriver", Some("AWS_EVENT_CACHE_PROXY_PASSWORD")),
        ("clouddriver-caching", Some("AWS_EVENT_CACHE_PROXY_PASSWORD")),
        ("clouddriver-ro", Some("AWS_EVENT_CACHE_PROXY_PASSWORD")),
        ("clouddriver-rw", Some("AWS_EVENT_CACHE_PROXY_PASSWORD")),
    ] {
        let deployment = deployment(&spinnaker, service);
        assert_valid(std::slice::from_ref(&deployment));
        let containers = deployment["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 1, "{service}: a patch must change the container, not bring another");
        let variables: Vec<&str> =
            containers[0]["env"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert!(variable.is_none_or(|variable| variables.contains(&variable)), "{service}: {variables:?}");
        assert!(variables.contains(&"JAVA_OPTS"), "{service}: what was there stays");
    }
}

#[test]
fn the_plugin_lies_where_the_profile_says_that_plugins_are() {
    let spinnaker = spinnaker(ARMORY, &["aws-event-cache/operator", "aws-event-cache/operator/clouddriver-plugin"]);
    for service in ["gate", "clouddriver", "clouddriver-caching"] {
        let profile = &spinnaker["spec"]["spinnakerConfig"]["profiles"][service];
        let root = profile["spinnaker"]["extensibility"]["plugins-root-path"].as_str().unwrap();
        let deployment = deployment(&spinnaker, service);
        let pod = &deployment["spec"]["template"]["spec"];
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["mountPath"] == root).unwrap();
        let init = &pod["initContainers"][0];
        assert_eq!(init["volumeMounts"], json!([{"name": mount["name"], "mountPath": "/target"}]));
        assert_eq!(init["args"], json!([service.split('-').next().unwrap()]));
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(init["image"], format!("ghcr.io/aws-event-cache/aws-event-cache-bridge:{version}"));
    }
}

#[test]
fn a_list_of_the_recipes_own_is_never_replaced_unseen() {
    for (part, list) in [
        ("stage", "orca/webhook/preconfigured"),
        ("button", "kustomize/deck/deployment/patchesStrategicMerge"),
        ("gate-plugin", "kustomize/gate/deployment/patchesStrategicMerge"),
        ("gate-proxies", "gate/proxies"),
        ("clouddriver-plugin", "kustomize/clouddriver/deployment/patchesStrategicMerge"),
        ("answer", "kustomize/clouddriver/deployment/patchesStrategicMerge"),
    ] {
        let refused = built(ARMORY, &["own-lists", &format!("aws-event-cache/operator/{part}")]).unwrap_err();
        assert!(refused.contains(list), "{part}: {refused}");
        // The other way round the recipe's own list wins, since a later patch of a list replaces it.
        built(ARMORY, &[&format!("aws-event-cache/operator/{part}"), "own-lists"]).unwrap();
    }
}

#[test]
fn the_appending_variants_keep_the_recipes_own_lists() {
    let parts = ["stage", "button", "gate-plugin", "gate-proxies", "clouddriver-plugin"];
    let lines = parts.map(|part| format!("aws-event-cache/operator/{part}/append"));
    let mut components = vec!["own-lists", "aws-event-cache/operator/core"];
    components.extend(lines.iter().map(String::as_str));
    components.push("aws-event-cache/operator/answer/append");
    let all = built(OSS, &components).unwrap();
    let spinnaker = find(&all, "SpinnakerService", "spinnaker");
    assert_eq!(stages(spinnaker), ["ourOwn", "refreshAwsCache"]);
    let proxies = spinnaker["spec"]["spinnakerConfig"]["profiles"]["gate"]["proxies"].as_array().unwrap();
    assert_eq!(
        proxies.iter().map(|proxy| proxy["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["our-own", "aws-event-cache"]
    );
    for service in ["orca", "gate", "deck", "clouddriver"] {
        let deployment = deployment(spinnaker, service);
        assert_eq!(deployment["spec"]["template"]["metadata"]["annotations"]["ours"], service);
    }
}

/// What a part adds is the same, whether it makes the list or appends to one.
#[test]
fn both_variants_of_a_part_say_the_same() {
    for part in ["stage", "button", "gate-plugin", "gate-proxies"] {
        let of = |variant: &str, own: &[&str]| {
            let line = format!("aws-event-cache/operator/{part}{variant}");
            let components: Vec<&str> = own.iter().copied().chain([line.as_str()]).collect();
            spinnaker(ARMORY, &components)
        };
        let (made, appended) = (of("", &[]), of("/append", &["own-lists"]));
        let last = |spinnaker: &Value, path: &str| {
            spinnaker.pointer(path).and_then(Value::as_array).and_then(|list| list.last().cloned())
        };
        for path in [
            "/spec/spinnakerConfig/profiles/orca/webhook/preconfigured",
            "/spec/spinnakerConfig/profiles/gate/proxies",
            "/spec/kustomize/orca/deployment/patchesStrategicMerge",
            "/spec/kustomize/gate/deployment/patchesStrategicMerge",
            "/spec/kustomize/deck/deployment/patchesStrategicMerge",
        ] {
            if let Some(made) = last(&made, path) {
                assert_eq!(Some(made), last(&appended, path), "{part}: {path}");
            }
        }
    }
}

#[test]
fn the_answer_arm_reaches_every_part_of_a_clouddriver_in_parts() {
    let spinnaker = spinnaker(ARMORY, &["aws-event-cache/operator/core", "aws-event-cache/operator/answer"]);
    for part in ["clouddriver", "clouddriver-caching", "clouddriver-ro", "clouddriver-ro-deck", "clouddriver-rw"] {
        let profile = &spinnaker["spec"]["spinnakerConfig"]["profiles"][part];
        assert_eq!(profile["aws"]["proxy"]["proxyHost"], "aws-event-cache.spinnaker.svc", "{part}");
        assert_eq!(profile["aws"]["proxy"]["proxyPort"], 8090, "{part}");
        assert_eq!(patches(&spinnaker, part).len(), 1, "{part}");
    }
}

#[test]
fn the_way_without_a_plugin_leaves_gates_process_alone() {
    let parts = ["core", "stage", "button"].map(|part| format!("aws-event-cache/operator/{part}"));
    let mut components: Vec<&str> = parts.iter().map(String::as_str).collect();
    components.push("aws-event-cache/service/ingress");
    let all = built(ARMORY, &components).unwrap();
    assert_valid(&all);
    let spinnaker = find(&all, "SpinnakerService", "spinnaker");
    assert_eq!(spinnaker["spec"]["spinnakerConfig"]["profiles"]["gate"], json!({}));
    assert_eq!(patches(spinnaker, "gate"), [""; 0]);
    find(&all, "Ingress", "aws-event-cache");
}

/// The stage in the patches is that of `deploy/orca`, comments and all; UPDATE_DOCS=1 writes it again.
#[test]
fn the_stage_in_the_patches_is_the_shipped_one() {
    let shipped = source("deploy/orca/refresh-stage.yml");
    let (_, entry) = shipped.split_once("  preconfigured:\n").unwrap();
    let shallower: String = entry.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap())).collect();
    let appended = shallower.replacen("  - ", "    ", 1);
    for (file, wanted) in [("stage/stage.yml", entry.to_owned()), ("stage/append/stage.yml", appended)] {
        let file = format!("deploy/operator/{file}");
        let text = source(&file);
        let (head, rest) = text.split_once("  value:\n").unwrap();
        let end = rest.find("\n- op: ").map(|at| at + 1).unwrap();
        let fresh = format!("{head}  value:\n{wanted}{}", &rest[end..]);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(crate::support::repository().join(&file), &fresh).unwrap();
        } else {
            assert!(text == fresh, "{file} has another stage than deploy/orca: UPDATE_DOCS=1 writes it again");
        }
    }
}

#[test]
fn another_namespace_is_one_replacement_away() {
    let kit = Recipe::new("operator");
    rename(&kit.path().join("aws-event-cache"));
    let root = root(ARMORY, &["aws-event-cache/operator", "aws-event-cache/operator/answer"])
        .replace("\"spinnaker\"", "\"cd\"");
    let yaml = kit.build(&root).unwrap();
    assert!(yaml.contains("http://aws-event-cache.cd.svc:8080/v1/refresh"), "{yaml}");
    assert!(!yaml.contains("aws-event-cache.spinnaker.svc"), "{yaml}");
}

/// The command that the documents give for it.
fn rename(folder: &Path) {
    let command = "grep -rl aws-event-cache.spinnaker.svc . | xargs sed -i 's/aws-event-cache\\.spinnaker\\.svc/aws-event-cache.cd.svc/'";
    assert!(
        source("docs/install/armory-operator.md").contains(&command.replace("-cache.cd.svc", "-cache.NAMESPACE.svc"))
    );
    crate::support::run(std::process::Command::new("sh").args(["-c", command]).current_dir(folder)).unwrap();
}
