//! CONNECT and TLS, with the certificate authority that the command line makes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use reqwest::StatusCode;

use crate::client::Client;
use crate::support::service::command;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_connect_and_tls_the_second_read_is_answered_from_memory() {
    let mut world = World::new("").await;
    let folder = world.authority();
    world.answer = format!("mode: serve\nca: {}", folder.display());
    let running = world.serve().await;
    let root = fs::read(folder.join("ca.pem")).unwrap();
    let client = Client::tls(&running.proxy, &root);
    client.warm("DescribeWidgets").await;
    // Both ways share what is stored.
    let before = world.aws.calls("DescribeWidgets");
    assert!(running.client().warm("DescribeWidgets").await.is_hit());
    assert!(world.aws.calls("DescribeWidgets") <= before + 1);
    let written = client.call("MakeWidget", &[("id", "w-2")]).await;
    assert_eq!(written.status, StatusCode::OK);
    assert!(client.call("DescribeWidgets", &[]).await.body.contains("w-2"));
    let report = running.service.get("/v1/answer").await;
    assert!(report["authorityDays"].as_i64().unwrap() > 90, "{report}");
}

#[test]
fn the_authority_is_made_once_shown_and_rotated_in_two_steps() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("ca");
    let place = place.display().to_string();
    let run = |arguments: &[&str]| {
        let output = command(&[&["ca"], arguments, &["--folder", &place]].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, said) = run(&["show"]);
    assert!(code == Some(1) && said.contains("ca init"), "{said}");
    let (code, made, next) = run(&["init", "--name", "event-cache.spinnaker.svc"]);
    assert_eq!(code, Some(0), "{next}");
    assert!(made.contains("AWS_CA_BUNDLE") && made.contains("event-cache.spinnaker.svc"), "{made}");
    assert!(next.contains("answer.ca"), "{next}");
    let mode = fs::metadata(&place).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let (code, _, said) = run(&["init"]);
    assert!(code == Some(1) && said.contains("ca rotate"), "{said}");
    let shown: serde_json::Value = serde_json::from_str(&run(&["show", "--json"]).1).unwrap();
    let (code, _, said) = run(&["rotate", "--switch"]);
    assert!(code == Some(1) && said.contains("ca rotate"), "{said}");
    assert_eq!(run(&["rotate"]).0, Some(0));
    let (code, _, said) = run(&["rotate", "--switch"]);
    assert!(code == Some(0) && said.contains("Restart"), "{said}");
    let then: serde_json::Value = serde_json::from_str(&run(&["show", "--json"]).1).unwrap();
    assert_ne!(then["current"]["fingerprint"], shown["current"]["fingerprint"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_for_which_the_authority_may_not_sign_is_told_of_before_the_start() {
    let mut world = World::new("").await;
    let folder = world.authority().display().to_string();
    world.answer = format!("mode: serve\nca: {folder}\nnames: [event-cache.spinnaker.svc]");
    let config = world.config().display().to_string();
    let output = command(&["check-config", "--config", &config]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("event-cache.spinnaker.svc"), "{output:?}");
    // A new one takes its names from the configuration.
    assert_eq!(command(&["ca", "rotate", "--config", &config]).status.code(), Some(0));
    assert_eq!(command(&["ca", "rotate", "--switch", "--config", &config]).status.code(), Some(0));
    assert_eq!(command(&["check-config", "--config", &config]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_without_an_authority_is_told_of_before_the_start() {
    let mut world = World::new("").await;
    world.answer = format!("mode: serve\nca: {}", world.path("none").display());
    let config = world.config().display().to_string();
    for arguments in [["check-config", "--config", &config], ["serve", "--config", &config]] {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let run = move || command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        assert_eq!(output.status.code(), Some(78));
        assert!(String::from_utf8_lossy(&output.stderr).contains("ca init"), "{output:?}");
    }
}
