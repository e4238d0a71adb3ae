//! Orca's stage `refreshAwsCache`: the shipped file, read and run by Orca's own classes, against the running service.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod within;

use std::time::Duration;

use aws_event_cache_testkit::{Orca, Release, eventually};
use serde_json::{Value, json};
use within::{PATIENCE, Service, ended, folder, handbook, named_kind, orca, read, service_program, task};

/// A run long enough that Orca, which looks once a second, sees the refresh on its way.
const RUN: Duration = Duration::from_millis(1_500);

fn stage(execution: &Value) -> &Value {
    // A task shows its execution; a pipeline is one.
    execution.pointer("/execution/stages/0").or_else(|| execution.pointer("/stages/0")).unwrap()
}

fn order(orca: &Orca, body: &Value) -> Value {
    let reference = orca.post("/tasks", "alice", body).unwrap()["ref"].as_str().unwrap().to_owned();
    ended(orca, &reference)
}

/// Everything against one Orca: it takes seconds to start.
fn the_stage_does_what_it_should(release: Release) {
    let (mut service, empty) = (Service::start(RUN), folder());
    let orca = orca(release, &service, empty.path());
    the_url_passes_the_rules_of_this_release(&orca, release);
    a_task_refreshes_and_waits(&orca, &service);
    a_pipeline_refreshes_with_its_parameters(&orca, &service);
    left_out_parameters_mean_all_and_a_canceled_refresh_ends_the_stage(&orca, &service);
    hostile_names_stay_names(&orca, &service);
    if release == Release::Spinnaker136 {
        the_handbook_is_right(&orca, &service);
    }
    a_mistake_ends_the_stage_at_once_and_says_what_was_meant(&orca);
    a_service_that_is_away_ends_the_stage_with_a_reason(&orca, &mut service);
}

#[test]
fn orca_of_spinnaker_1_36_runs_the_stage() {
    the_stage_does_what_it_should(Release::Spinnaker136);
}

#[test]
fn orca_of_spinnaker_1_28_runs_the_stage() {
    the_stage_does_what_it_should(Release::Spinnaker128);
}

fn the_url_passes_the_rules_of_this_release(orca: &Orca, release: Release) {
    let stage = within::shipped_stage();
    let url = stage.lines().find_map(|line| line.trim().strip_prefix("url: ")).unwrap();
    assert_eq!(orca.refuses(url).unwrap(), None, "{url}");
    assert!(orca.refuses("http://localhost:8080/v1/refresh").unwrap().is_some());
    let hosts = handbook::hosts();
    assert!(hosts.len() >= 5, "the page has lost its table");
    for (host, before, since) in hosts {
        let passes = if release == Release::Spinnaker128 { before } else { since };
        let refused = orca.refuses(&format!("http://{host}:8080/v1/refresh")).unwrap();
        assert_eq!(refused.is_none(), passes, "{host}: {refused:?}");
    }
}

fn a_task_refreshes_and_waits(orca: &Orca, service: &Service) {
    let body: Value = serde_json::from_str(&read("deploy/orca/refresh-task.json")).unwrap();
    let done = order(orca, &body);
    assert_eq!(done["status"], "SUCCEEDED", "{done}\n{}", orca.log());
    let context = &stage(&done)["context"];
    assert_eq!(context["webhook"]["body"]["status"], "QUEUED", "{context}");
    assert_eq!(context["webhook"]["monitor"]["body"]["status"], "SUCCEEDED");
    let said = context["webhook"]["monitor"]["progressMessage"].as_str().unwrap();
    assert!(said.ends_with("agents have run"), "{said}");
    // Where it was asked is where it is watched.
    let status = context["statusEndpoint"].as_str().unwrap();
    assert!(status.starts_with("http://aws-event-cache.loopback.svc:"), "{status}");
    let entry = service.audited();
    assert_eq!((&entry["who"], &entry["action"]), (&json!("orca"), &json!("refresh")));
    let detail = entry["detail"].as_str().unwrap();
    assert!(detail.starts_with("accounts prod, regions us-west-2, kinds all, name all"), "{detail}");
    assert!(detail.ends_with("; application awscache; on behalf of nightly-script"), "{detail}");
}

fn a_pipeline_refreshes_with_its_parameters(orca: &Orca, service: &Service) {
    let trigger = json!({"type": "manual", "parameters": {"account": "staging", "region": "us-west-2"}});
    let taken = orca.post("/pipelines/v2/awscache/refresh", "bob", &trigger).unwrap();
    let done = ended(orca, taken["ref"].as_str().unwrap());
    assert_eq!(done["status"], "SUCCEEDED", "{done}\n{}", orca.log());
    let entry = service.audited();
    let detail = entry["detail"].as_str().unwrap();
    let execution = done["id"].as_str().unwrap();
    assert!(detail.starts_with("accounts staging, regions us-west-2, kinds all, name all"), "{detail}");
    assert!(detail.ends_with(&format!("; application awscache, execution {execution}; on behalf of bob")), "{detail}");
    assert!(service.refreshed()["requestedBy"].as_str().unwrap().contains("bob"));
}

/// Not to the end: everything of all accounts takes as long as AWS's rate limits say.
fn left_out_parameters_mean_all_and_a_canceled_refresh_ends_the_stage(orca: &Orca, service: &Service) {
    for parameters in [json!({}), json!({"account": null}), Value::Null] {
        let reference = orca.post("/tasks", "alice", &task(&parameters)).unwrap()["ref"].as_str().unwrap().to_owned();
        let id = eventually(PATIENCE, || {
            let execution = orca.get(&reference).unwrap();
            stage(&execution).pointer("/context/webhook/body/id")?.as_str().map(str::to_owned)
        });
        let id = id.unwrap_or_else(|| panic!("{parameters} is not taken: {}", orca.log()));
        let detail = service.audited()["detail"].clone();
        assert!(detail.as_str().unwrap().starts_with("accounts all, regions all, kinds all, name all"), "{detail}");
        service.cancel(&id);
        assert_eq!(ended(orca, &reference)["status"], "CANCELED", "{}", orca.log());
    }
}

fn hostile_names_stay_names(orca: &Orca, service: &Service) {
    let kind = named_kind();
    for name in ["x\", \"account\": \"staging", "back\\slash", "new\nline", "<b>ü</b>"] {
        let wish = json!({"account": "prod", "region": "us-west-2", "kind": kind.id.as_str(), "name": name});
        let done = order(orca, &task(&wish));
        let detail = service.audited()["detail"].as_str().unwrap().to_owned();
        let body = &stage(&done)["context"]["webhook"]["body"];
        // Either it is taken as the name that it is, or refused as a name; it is never anything else.
        let refused = body["field"] == "name";
        let taken = done["status"] == "SUCCEEDED" && detail.contains("accounts prod,") && detail.contains(", name ");
        assert!(refused || taken, "{name:?}: {done}\n{detail}");
    }
}

/// Everything that docs/refresh.md tells people to run or to write.
fn the_handbook_is_right(orca: &Orca, service: &Service) {
    let documents = handbook::documents();
    assert!(documents.len() >= 2, "the page has lost its examples");
    for document in documents {
        if document["type"] == "refreshAwsCache" {
            let done = order(orca, &json!({"application": "shop", "description": "", "job": [document]}));
            assert_eq!(done["status"], "SUCCEEDED", "{done}");
        }
    }
    let mut ran = 0;
    for block in handbook::blocks("sh") {
        if block.starts_with("spin ") {
            block.lines().for_each(handbook::check_spin);
            continue;
        }
        let said = handbook::run(&block, orca.url(), service);
        // What Gate answers names an execution, which succeeds.
        if let Some(reference) =
            serde_json::from_str::<Value>(&said).ok().and_then(|answer| Some(answer["ref"].as_str()?.to_owned()))
        {
            assert_eq!(ended(orca, &reference)["status"], "SUCCEEDED", "{block}");
        }
        ran += 1;
    }
    assert!(ran >= 5, "the page has lost its commands");
}

#[test]
fn every_configuration_in_the_handbook_is_sound() {
    let folder = folder();
    for block in handbook::blocks("yaml") {
        let store = folder.path().join("state.redb").display().to_string();
        let rest = format!(
            "accounts: {{discover: true}}\nclouddriver: {{url: 'http://clouddriver:7002'}}\nstore: {{path: '{store}'}}\n"
        );
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, format!("{block}{rest}")).unwrap();
        let mut check = std::process::Command::new(service_program());
        let output = check.args(["check-config", "--config"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{block}{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn a_mistake_ends_the_stage_at_once_and_says_what_was_meant(orca: &Orca) {
    let done = order(orca, &task(&json!({"account": "prdo"})));
    assert_eq!(done["status"], "TERMINAL", "{done}");
    let webhook = &stage(&done)["context"]["webhook"];
    assert_eq!(
        (&webhook["body"]["field"], &webhook["body"]["nearest"]),
        (&json!("account"), &json!("prod")),
        "{webhook}"
    );
    assert!(webhook["error"].as_str().unwrap().contains("fail fast"), "{webhook}");
}

fn a_service_that_is_away_ends_the_stage_with_a_reason(orca: &Orca, service: &mut Service) {
    service.go_away();
    let done = order(orca, &task(&json!({"account": "prod"})));
    assert_eq!(done["status"], "TERMINAL", "{done}");
    let error = stage(&done)["context"]["webhook"]["error"].as_str().unwrap().to_owned();
    assert!(error.contains("performing a"), "{error}");
}
