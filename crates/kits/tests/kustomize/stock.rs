//! `deploy/kustomize`, beside the stock components of spinnaker-kustomize.

use serde_json::{Value, json};

use crate::support::{Recipe, assert_valid, configuration, document, documents, find, repository, source};

const STOCK: [&str; 4] = ["components/mariadb", "components/redis", "overlays/config", "overlays/resources"];

fn root(components: &[&str]) -> String {
    json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "spinnaker",
        "resources": ["base"], "components": components,
        "labels": [{"includeSelectors": true, "pairs": {"app.kubernetes.io/part-of": "spinnaker"}}],
    })
    .to_string()
}

fn built(components: &[&str]) -> Vec<Value> {
    documents(&Recipe::new("stock").build(&root(components)).unwrap())
}

fn pod<'a>(all: &'a [Value], deployment: &str) -> &'a Value {
    &find(all, "Deployment", deployment)["spec"]["template"]["spec"]
}

fn file(all: &[Value], deployment: &str, path: &str) -> Option<String> {
    configuration(all, deployment).into_iter().find(|(at, _)| at == path).map(|(_, text)| text)
}

fn variables(pod: &Value) -> Vec<&str> {
    pod["containers"][0]["env"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

/// Order of lists aside: components in another order append in another order.
fn normal(mut document: Value) -> Value {
    for path in
        ["volumes/0/projected/sources", "volumes", "containers/0/env", "containers/0/volumeMounts", "initContainers"]
    {
        let list = document.pointer_mut(&format!("/spec/template/spec/{path}")).and_then(Value::as_array_mut);
        list.into_iter().for_each(|list| list.sort_by_key(Value::to_string));
    }
    document
}

#[test]
fn one_line_brings_everything_first_or_last() {
    let line = "aws-event-cache/kustomize";
    let first: Vec<&str> = [line].into_iter().chain(STOCK).collect();
    let last: Vec<&str> = STOCK.into_iter().chain([line]).collect();
    let (first, last) = (built(&first), built(&last));
    assert_valid(&last);
    for name in ["clouddriver", "gate", "orca", "deck", "aws-event-cache"] {
        let of = |all: &[Value]| normal(find(all, "Deployment", name).clone());
        assert_eq!(of(&first), of(&last), "{name}");
        configuration(&first, name_of_config(name));
    }
    assert_eq!(first.len(), last.len());
}

/// Our own pod has no projected volume to look into.
fn name_of_config(name: &str) -> &str {
    if name == "aws-event-cache" { "gate" } else { name }
}

#[test]
fn what_the_stock_components_and_others_put_in_stays() {
    let mut components = vec!["aws-event-cache/kustomize"];
    components.extend(STOCK);
    let all = built(&components);
    let gate = pod(&all, "gate");
    assert!(file(&all, "gate", "redis/gate.yml").is_some() && file(&all, "orca", "mariadb/orca.yml").is_some());
    let names: Vec<&str> =
        gate["initContainers"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"other") && names.contains(&"aws-event-cache-bridge"));
    assert_eq!(find(&all, "Deployment", "gate")["spec"]["replicas"], 2);
    assert!(variables(gate).contains(&"WITH_redis") && variables(gate).contains(&"AWS_EVENT_CACHE_SECRET"));
}

#[test]
fn orca_gets_the_shipped_stage_and_its_token() {
    let all = built(&["aws-event-cache/kustomize"]);
    let stage = file(&all, "orca", "aws-event-cache/orca.yml").unwrap();
    assert_eq!(stage, source("deploy/orca/refresh-stage.yml"));
    assert!(stage.contains("${AWS_EVENT_CACHE_REFRESH_TOKEN}"));
    let orca = pod(&all, "orca");
    let token = orca["containers"][0]["env"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "AWS_EVENT_CACHE_REFRESH_TOKEN");
    assert_eq!(token.unwrap()["valueFrom"]["secretKeyRef"]["key"], "orca-token");
}

#[test]
fn gate_gets_the_plugin_where_its_settings_look_for_it() {
    let all = built(&["aws-event-cache/kustomize"]);
    let settings = document(&file(&all, "gate", "aws-event-cache/gate.yml").unwrap());
    let root = &settings["spinnaker"]["extensibility"]["plugins-root-path"];
    let gate = pod(&all, "gate");
    let mounts = gate["containers"][0]["volumeMounts"].as_array().unwrap();
    let mount = mounts.iter().find(|mount| mount["mountPath"] == *root).unwrap();
    let init = &gate["initContainers"][0];
    assert_eq!(init["volumeMounts"], json!([{"name": mount["name"], "mountPath": "/target"}]));
    assert_eq!(init["image"], format!("ghcr.io/aws-event-cache/aws-event-cache-bridge:{}", env!("CARGO_PKG_VERSION")));
    // Gate is given the port of signed messages only.
    assert_eq!(settings["aws-event-cache"]["base-url"], "http://aws-event-cache.spinnaker.svc:8081");
}

#[test]
fn deck_gets_the_module_under_the_path_that_its_manifest_names() {
    let all = built(&["aws-event-cache/kustomize"]);
    let data = &find(&all, "ConfigMap", "aws-event-cache-deck")["data"];
    let manifest: Value = serde_json::from_str(data["plugin-manifest.json"].as_str().unwrap()).unwrap();
    assert_eq!(manifest[0]["version"], env!("CARGO_PKG_VERSION"));
    let url = manifest[0]["url"].as_str().unwrap();
    let deck = pod(&all, "deck");
    let mounts = deck["containers"][0]["volumeMounts"].as_array().unwrap();
    for (path, key) in [(url, "index.js"), ("/plugin-manifest.json", "plugin-manifest.json")] {
        let mount = mounts.iter().find(|mount| mount["mountPath"] == format!("/opt/deck/html{path}")).unwrap();
        assert_eq!(mount["subPath"], key);
        assert!(data[key].is_string(), "{key}");
    }
}

#[test]
fn every_part_together_fits_a_clouddriver_in_parts() {
    let options =
        ["answer", "clouddriver-plugin", "gate-proxies"].map(|part| format!("aws-event-cache/kustomize/{part}"));
    let mut components: Vec<&str> = vec![
        "ha",
        "aws-event-cache/kustomize",
        "aws-event-cache/service/monitoring",
        "aws-event-cache/service/ingress",
    ];
    components.extend(options.iter().map(String::as_str));
    components.extend(STOCK);
    let all = built(&components);
    assert_valid(&all);
    for (deployment, caches) in
        [("clouddriver", true), ("clouddriver-caching", true), ("clouddriver-ro", false), ("clouddriver-rw", false)]
    {
        let proxy = document(&file(&all, deployment, "aws-event-cache-answer/clouddriver.yml").unwrap());
        assert_eq!(proxy["aws"]["proxy"]["proxyPort"], 8090);
        assert!(variables(pod(&all, deployment)).contains(&"AWS_EVENT_CACHE_PROXY_PASSWORD"), "{deployment}");
        assert_eq!(file(&all, deployment, "aws-event-cache/clouddriver.yml").is_some(), caches, "{deployment}");
        assert_eq!(pod(&all, deployment)["initContainers"].is_array(), caches, "{deployment}");
    }
    assert!(file(&all, "gate", "aws-event-cache-proxies/gate.yml").is_some());
}

#[test]
fn a_label_that_the_recipe_adds_to_selectors_does_not_reach_whom_the_policy_admits() {
    let all = built(&["aws-event-cache/kustomize", "aws-event-cache/service/monitoring"]);
    let policy = &find(&all, "NetworkPolicy", "aws-event-cache")["spec"];
    for peer in
        policy["ingress"].as_array().unwrap().iter().flat_map(|rule| rule["from"].as_array().into_iter().flatten())
    {
        assert!(peer["podSelector"]["matchLabels"].is_null(), "{peer}");
    }
    let (service, pod) = (
        &find(&all, "Service", "aws-event-cache")["spec"]["selector"],
        &find(&all, "Deployment", "aws-event-cache")["spec"]["template"]["metadata"]["labels"],
    );
    for (label, value) in service.as_object().unwrap() {
        assert_eq!(pod[label], *value, "{label}");
    }
}

#[test]
fn the_service_of_this_kit_asks_the_stock_clouddriver_and_its_database() {
    let all = built(&["aws-event-cache/kustomize"]);
    let maps = all.iter().filter(|one| {
        one["kind"] == "ConfigMap" && one["metadata"]["name"].as_str().unwrap().starts_with("aws-event-cache-config")
    });
    assert_eq!(maps.count(), 1, "merged into the base's, not beside it");
    let config = document(find(&all, "ConfigMap", "aws-event-cache-config")["data"]["config.yaml"].as_str().unwrap());
    assert_eq!(config["clouddriver"]["url"], "http://clouddriver:7002");
    assert!(config["clouddriver"]["lockStore"]["sql"].is_string());
    assert_eq!(config["drive"]["mode"], "observe");
}

#[test]
fn only_the_place_of_clouddriver_differs_between_the_configurations() {
    let [ours, base] = ["deploy/kustomize/core/config.yaml", "deploy/service/config.yaml"].map(|path| {
        let mut config = document(&source(path));
        config.as_object_mut().unwrap().remove("clouddriver");
        config
    });
    assert_eq!(ours, base);
}

#[test]
fn what_deck_is_given_is_the_plugins_own_module() {
    for name in ["index.js", "plugin-manifest.json"] {
        let (own, copied) = (source(&format!("plugins/deck/{name}")), repository().join("deploy/deck").join(name));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&copied, &own).unwrap();
        }
        let copied = std::fs::read_to_string(copied).unwrap();
        assert!(own == copied, "deploy/deck/{name} is not plugins/deck/{name}: UPDATE_DOCS=1 copies it");
    }
}
