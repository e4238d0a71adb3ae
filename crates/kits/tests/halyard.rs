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
fn with_the_button_gate_loads_the_plugin_from_the_repository_that_the_init_container_makes() {
    let init =
        &halyard("options/button/init-containers.yml")["deploymentEnvironment"]["initContainers"]["spin-gate"][0];
    let volumes = halyard("options/button/service-settings-gate.yml")["kubernetes"]["volumes"].clone();
    let profile = halyard("options/button/gate-local.yml");
    let extensibility = &profile["spinnaker"]["extensibility"];
    assert_eq!(init["args"], json!(["repository", volumes[0]["mountPath"]]));
    assert_eq!(init["volumeMounts"], json!([{"name": volumes[0]["id"], "mountPath": "/target"}]));
    let list = format!("file://{}/plugins.json", volumes[0]["mountPath"].as_str().unwrap());
    assert_eq!(extensibility["repositories"]["aws-event-cache"]["url"], list);
    assert_eq!(volumes[1]["mountPath"], extensibility["plugins-root-path"]);
    assert_eq!(extensibility["deck-proxy"]["plugins"]["AwsEventCache.Bridge"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        init["image"],
        halyard("init-containers.yml")["deploymentEnvironment"]["initContainers"]["spin-gate"][0]["image"]
    );
    // Apart from where the plugin comes from, it is the profile without the button.
    let mut without = profile.clone();
    let inside = without["spinnaker"]["extensibility"].as_object_mut().unwrap();
    inside.retain(|key, _| !["repositories", "deck-proxy"].contains(&key.as_str()));
    assert_eq!(without, halyard("profiles/gate-local.yml"));
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
