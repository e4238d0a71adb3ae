//! The files for Halyard: they are copied as they are, so what they say must be what the other kits say.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use serde_json::{Value, json};
use support::{document, documents, find, source};

fn halyard(path: &str) -> Value {
    document(&source(&format!("deploy/halyard/{path}")))
}

#[test]
fn profiles_say_what_the_other_kits_say() {
    for (halyard_file, kustomize_file) in [
        ("profiles/gate-local.yml", "gate-plugin/gate.yml"),
        ("options/profiles/clouddriver-local.yml", "answer/clouddriver.yml"),
    ] {
        assert_eq!(
            halyard(halyard_file),
            document(&source(&format!("deploy/kustomize/{kustomize_file}"))),
            "{halyard_file}"
        );
    }
}

#[test]
fn the_init_container_writes_into_the_volume_that_gate_reads_plugins_from() {
    let init = &halyard("init-containers.yml")["deploymentEnvironment"]["initContainers"]["spin-gate"][0];
    let volume = &halyard("service-settings/gate.yml")["kubernetes"]["volumes"][0];
    let root = &halyard("profiles/gate-local.yml")["spinnaker"]["extensibility"]["plugins-root-path"];
    assert_eq!(volume["mountPath"], *root);
    assert_eq!(volume["type"], "emptyDir");
    assert_eq!(init["volumeMounts"], json!([{"name": volume["id"], "mountPath": "/target"}]));
    let image = format!("ghcr.io/aws-event-cache/aws-event-cache-bridge:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!((&init["image"], &init["args"]), (&json!(image), &json!(["gate"])));
}

#[test]
fn every_variable_that_a_profile_asks_for_is_set_by_service_settings() {
    let stage = source("deploy/orca/refresh-stage.yml");
    let set = |path: &str| halyard(path)["env"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let [orca] = &set("service-settings/orca.yml")[..] else { panic!("one variable is wanted") };
    assert!(stage.contains(&format!("${{{orca}}}")));
    let [clouddriver] = &set("options/service-settings/clouddriver.yml")[..] else { panic!("one variable is wanted") };
    let password = &halyard("options/profiles/clouddriver-local.yml")["aws"]["proxy"]["proxyPassword"];
    assert_eq!(*password, format!("${{{clouddriver}}}"));
}

#[test]
fn the_service_that_halyards_users_apply_has_the_names_of_halyards_services() {
    let all = documents(&support::build(&support::repository().join("deploy/service")).unwrap());
    let config = document(find(&all, "ConfigMap", "aws-event-cache-config")["data"]["config.yaml"].as_str().unwrap());
    assert_eq!(config["clouddriver"]["url"], "http://spin-clouddriver:7002");
}
