//! `deploy/service`, by itself and with its options.

use serde_json::{Value, json};

use crate::support::{Recipe, assert_valid, build, documents, find, repository};

/// A kustomization that applies the base with these components, in a namespace that is not the usual one.
fn with(components: &[&str]) -> Vec<Value> {
    let kit = Recipe::new("operator");
    let components: Vec<String> =
        components.iter().map(|component| format!("aws-event-cache/service/{component}")).collect();
    let root = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "elsewhere",
        "resources": ["aws-event-cache/service"], "components": components,
    });
    documents(&kit.build(&root.to_string()).unwrap())
}

#[test]
fn the_service_alone_is_what_kubernetes_takes() {
    let all = documents(&build(&repository().join("deploy/service")).unwrap());
    assert_valid(&all);
    let kinds: Vec<&str> = all.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    for kind in [
        "ServiceAccount",
        "ConfigMap",
        "Service",
        "PersistentVolumeClaim",
        "Deployment",
        "PodDisruptionBudget",
        "NetworkPolicy",
    ] {
        assert!(kinds.contains(&kind), "{kind} is missing among {kinds:?}");
    }
}

#[test]
fn everything_can_be_found_again_by_its_label() {
    for document in with(&["monitoring", "ingress"]) {
        let (kind, labels) = (&document["kind"], &document["metadata"]["labels"]);
        assert_eq!(labels["app.kubernetes.io/name"], "aws-event-cache", "{kind}");
        assert_eq!(labels["app.kubernetes.io/part-of"], "spinnaker", "{kind}");
        assert!(labels["app.kubernetes.io/component"].is_string(), "{kind}");
    }
}

#[test]
fn the_pod_may_do_nothing_that_it_need_not() {
    let all = with(&[]);
    let pod = &find(&all, "Deployment", "aws-event-cache")["spec"]["template"]["spec"];
    let security = &pod["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    for container in pod["containers"].as_array().unwrap() {
        let security = &container["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}));
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod[key].is_null(), "{key}");
    }
}

#[test]
fn the_image_of_the_base_is_the_published_one_of_this_version() {
    let all = with(&[]);
    let image = &find(&all, "Deployment", "aws-event-cache")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(*image, format!("ghcr.io/aws-event-cache/aws-event-cache:{}", env!("CARGO_PKG_VERSION")));
}

/// The ports of a rule of the policy, and whether it names who may come.
fn admitted(policy: &Value) -> Vec<(String, bool)> {
    let rules = policy["spec"]["ingress"].as_array().unwrap();
    rules.iter().map(|rule| (rule["ports"][0]["port"].as_str().unwrap().to_owned(), !rule["from"].is_null())).collect()
}

#[test]
fn only_the_port_of_signed_messages_is_open_to_all() {
    let all = with(&[]);
    let wanted = [("api".to_owned(), true), ("intake".to_owned(), false), ("answer".to_owned(), true)];
    assert_eq!(admitted(find(&all, "NetworkPolicy", "aws-event-cache")), wanted);
}

#[test]
fn metrics_are_scraped_with_a_token_from_the_namespace_of_prometheus() {
    let all = with(&["monitoring"]);
    assert_valid(&all);
    let monitor = &find(&all, "ServiceMonitor", "aws-event-cache")["spec"];
    let service = &find(&all, "Service", "aws-event-cache");
    assert_eq!(
        monitor["selector"]["matchLabels"]["app.kubernetes.io/name"],
        service["metadata"]["labels"]["app.kubernetes.io/name"]
    );
    let endpoint = &monitor["endpoints"][0];
    let ports: Vec<&Value> = service["spec"]["ports"].as_array().unwrap().iter().map(|port| &port["name"]).collect();
    assert!(ports.contains(&&endpoint["port"]));
    assert_eq!(
        endpoint["authorization"]["credentials"],
        json!({"name": "aws-event-cache-secrets", "key": "metrics-token"})
    );
    let from = find(&all, "NetworkPolicy", "aws-event-cache")["spec"]["ingress"][0]["from"].as_array().unwrap().clone();
    assert!(from.iter().any(|peer| !peer["namespaceSelector"].is_null()), "{from:?}");
}

#[test]
fn the_ingress_leads_to_the_port_of_signed_messages_by_paths_that_the_service_has() {
    let all = with(&["ingress"]);
    assert_valid(&all);
    let config = find(&all, "ConfigMap", "aws-event-cache-config")["data"]["config.yaml"].as_str().unwrap();
    let config: Value = serde_saphyr::from_str(config).unwrap();
    let served = config["intake"]["sns"]["paths"].as_array().unwrap();
    let paths =
        find(&all, "Ingress", "aws-event-cache")["spec"]["rules"][0]["http"]["paths"].as_array().unwrap().clone();
    assert_eq!(paths.len(), 2);
    for path in &paths {
        assert_eq!(path["pathType"], "Exact");
        assert_eq!(path["backend"]["service"]["port"]["name"], "intake");
        assert!(served.contains(&path["path"]), "{path}");
    }
}

#[test]
fn ports_of_the_configuration_deployment_and_service_are_the_same() {
    let all = with(&[]);
    let config = find(&all, "ConfigMap", "aws-event-cache-config")["data"]["config.yaml"].as_str().unwrap();
    let config: Value = serde_saphyr::from_str(config).unwrap();
    let port = |key: &str| config["server"][key].as_str().unwrap().rsplit(':').next().unwrap().parse::<u64>().unwrap();
    let container = &find(&all, "Deployment", "aws-event-cache")["spec"]["template"]["spec"]["containers"][0];
    let of = |name: &str| {
        let ports = container["ports"].as_array().unwrap();
        ports.iter().find(|port| port["name"] == name).unwrap()["containerPort"].as_u64().unwrap()
    };
    assert_eq!((port("listen"), port("intakeListen")), (of("api"), of("intake")));
    for exposed in find(&all, "Service", "aws-event-cache")["spec"]["ports"].as_array().unwrap() {
        assert_eq!(exposed["port"].as_u64().unwrap(), of(exposed["targetPort"].as_str().unwrap()));
    }
}
