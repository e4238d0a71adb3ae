//! The chart, rendered and looked over by helm itself.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{assert_valid, build, document, documents, find, repository, run, source, tool};

const CHART: &str = "deploy/helm/aws-event-cache";

/// helm, without anything of the developer's own.
fn helm(arguments: &[&str]) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    let mut helm = Command::new(tool("helm"));
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(variable, home.path());
    }
    run(helm.current_dir(repository()).args(arguments))
}

fn rendered(settings: &[&str]) -> Result<Vec<Value>, String> {
    let mut arguments = vec!["template", "cache", CHART, "--namespace", "spinnaker"];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    helm(&arguments).map(|yaml| documents(&yaml))
}

#[test]
fn helm_finds_nothing_to_complain_of() {
    helm(&["lint", "--strict", CHART]).unwrap();
}

#[test]
fn the_chart_renders_what_kubernetes_takes_as_shipped_and_with_every_option() {
    assert_valid(&rendered(&[]).unwrap());
    let all = rendered(&[
        "ingress.enabled=true",
        "ingress.host=gate.example.com",
        "ingress.className=nginx",
        "serviceMonitor.enabled=true",
        "persistence.storageClass=gp3",
        "priorityClassName=high",
        "podLabels.team=platform",
        "podAnnotations.example\\.com/a=b",
        "serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn=arn:aws:iam::123456789012:role/cache",
        "imagePullSecrets[0].name=registry",
        "tolerations[0].operator=Exists",
        "nodeSelector.disk=ssd",
        "config.answer.drain=2m",
    ])
    .unwrap();
    assert_valid(&all);
    let pod = &find(&all, "Deployment", "aws-event-cache")["spec"]["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 155);
    find(&all, "Ingress", "aws-event-cache");
    find(&all, "ServiceMonitor", "aws-event-cache");
}

#[test]
fn chart_and_kustomization_run_the_same_pod() {
    let chart = rendered(&[]).unwrap();
    let base = documents(&build(&repository().join("deploy/service")).unwrap());
    let pod = |all: &[Value]| {
        let mut pod = find(all, "Deployment", "aws-event-cache")["spec"]["template"]["spec"].clone();
        // kustomize ends the name in a hash of the content.
        pod["volumes"][0]["configMap"]["name"] = "config".into();
        pod["containers"][0].as_object_mut().unwrap().remove("imagePullPolicy");
        pod
    };
    assert_eq!(pod(&chart), pod(&base));
    let ports = |all: &[Value]| find(all, "Service", "aws-event-cache")["spec"]["ports"].clone();
    assert_eq!(ports(&chart), ports(&base));
    let config = |all: &[Value]| {
        document(find(all, "ConfigMap", "aws-event-cache-config")["data"]["config.yaml"].as_str().unwrap())
    };
    assert_eq!(config(&chart), config(&base));
}

#[test]
fn the_chart_has_the_version_of_the_product() {
    let chart = document(&source(&format!("{CHART}/Chart.yaml")));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!((&chart["version"], &chart["appVersion"]), (&json!(version), &json!(version)));
}

#[test]
fn another_configuration_rolls_the_pod() {
    let sum = |settings: &[&str]| {
        let all = rendered(settings).unwrap();
        find(&all, "Deployment", "aws-event-cache")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            .clone()
    };
    assert!(sum(&[]).is_string());
    assert_ne!(sum(&[]), sum(&["config.drive.mode=enforce"]));
}

#[test]
fn what_cannot_work_is_refused_with_its_reason() {
    for (settings, reason) in [
        (vec!["ingress.enabled=true"], "ingress.host: give the host name"),
        (
            vec!["ingress.enabled=true", "ingress.host=a.example.com", "ingress.paths[0]=/other"],
            "must stand in config.intake.sns.paths",
        ),
        (vec!["config.answer.drain=1h"], "config.answer.drain: give whole seconds or minutes"),
        (vec!["replicas=2"], "replicas"),
        (vec!["service.type=Other"], "service"),
    ] {
        let refused = rendered(&settings).unwrap_err();
        assert!(refused.contains(reason), "{settings:?}: {refused}");
    }
}

#[test]
fn the_policy_admits_nobody_rather_than_everybody_when_its_list_is_emptied() {
    let all = rendered(&["networkPolicy.apiFrom=null"]).unwrap();
    let rules = &find(&all, "NetworkPolicy", "aws-event-cache")["spec"]["ingress"];
    let ports: Vec<&Value> = rules.as_array().unwrap().iter().map(|rule| &rule["ports"][0]["port"]).collect();
    assert_eq!(ports, ["intake", "answer"]);
}
