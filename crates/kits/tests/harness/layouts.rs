//! What lies in the plugin folder and how the plugin is set: good or bad, Gate starts.

use std::path::Path;

use aws_event_cache_testkit::{Host, HostSettings, Service as Gate, bridge_plugin};

use crate::checks::Checks;
use crate::client::post;
use crate::service::{Act, Service};

const PATH: &str = "/webhooks/aws-event-cache";

fn gate(plugins: &[&Path], arguments: &[&str], environment: &[(&str, &str)]) -> Gate {
    start(Host::GateNewest, plugins, arguments, environment)
}

fn start(host: Host, plugins: &[&Path], arguments: &[&str], environment: &[(&str, &str)]) -> Gate {
    host.start(&HostSettings { plugins, arguments, environment, jvm: &[] }).unwrap()
}

fn status(gate: &Gate) -> u16 {
    post(gate.port(), PATH, &[("Content-Type", "text/plain")], b"x").status
}

/// What the handbook would have one write into a profile.
fn handbook_settings() -> tempfile::NamedTempFile {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bridge-plugin.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(block.contains("aws-event-cache:"), "{block}");
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    std::fs::write(file.path(), block).unwrap();
    file
}

fn ok() -> Service {
    Service::start(|_| Act::Answer(200, None, b"ok".to_vec()))
}

#[test]
fn the_services_own_zip_is_enough_and_the_address_may_come_from_the_environment() {
    let service = ok();
    let url = service.url();
    let settings = handbook_settings();
    let gate = gate(
        &[&bridge_plugin(Some("gate.zip")).unwrap()],
        &[&format!("--spring.config.additional-location=file:{}", settings.path().display())],
        &[("AWS_EVENT_CACHE_BASE_URL", &url)],
    );
    let mut checks = Checks::default();
    checks.equal("the relay", &status(&gate), &200);
    let seen = service.take();
    let secret = seen.first().and_then(|one| one.header("X-AWS-Event-Cache-Secret"));
    checks.check("without a secret none is sent", seen.len() == 1 && secret.is_none(), secret);
    for line in [
        "Plugin 'AwsEventCache.Bridge@0.1.0' resolved",
        "Start plugin 'AwsEventCache.Bridge@0.1.0'",
        &format!("POST {PATH} goes to {url}/v1/sns"),
    ] {
        checks.check(
            &format!("the log has the line that the handbook shows: {line}"),
            gate.log().contains(line),
            "it has not",
        );
    }
    let unpacked = gate.plugins().join("gate/classes/META-INF/MANIFEST.MF");
    checks.check("it is unpacked beside itself", unpacked.is_file(), unpacked);
    checks.end(&gate.log());
}

#[test]
fn clouddrivers_part_alone_does_nothing_in_gate_and_lets_it_start() {
    let gate = gate(&[&bridge_plugin(Some("clouddriver.zip")).unwrap()], &[], &[]);
    let mut checks = Checks::default();
    checks.equal("there is no relay", &status(&gate), &404);
    let said = gate.log().contains("this part is not for this service and does nothing here");
    checks.check("the log says why", said, "it does not");
    checks.end(&gate.log());
}

#[test]
fn a_plugin_that_is_switched_off_is_not_there() {
    let bundle = bridge_plugin(None).unwrap();
    let off = "--spinnaker.extensibility.plugins.AwsEventCache.Bridge.enabled=false";
    let gate = gate(&[&bundle], &[off], &[]);
    let mut checks = Checks::default();
    checks.equal("there is no relay", &status(&gate), &404);
    let said = gate.log().lines().any(|line| line.contains("AwsEventCache.Bridge") && line.ends_with("is disabled"));
    checks.check("the log says so", said, "it does not");
    checks.end(&gate.log());
}

#[test]
fn settings_that_cannot_be_used_are_said_once_and_every_message_is_503() {
    let bundle = bridge_plugin(None).unwrap();
    let url = "aws-event-cache.base-url cannot be used";
    let secret = "aws-event-cache.secret cannot be used";
    // A reference that leads nowhere is left as it is by Spring's older releases, and an error in newer ones.
    let nowhere = "--aws-event-cache.secret=${AEC_NO_SUCH_VARIABLE}";
    for (host, settings) in [
        (Host::GateNewest, ["--aws-event-cache.base-url=http://ann:hidden-word@127.0.0.1", nowhere]),
        (Host::GateNewest, ["--aws-event-cache.base-url=not a url", "--aws-event-cache.secret=hidden-word\u{e9}"]),
        (Host::GateOldest, ["--aws-event-cache.base-url=ftp://127.0.0.1", nowhere]),
    ] {
        let gate = start(host, &[&bundle], &settings, &[]);
        let mut checks = Checks::default();
        checks.equal(settings[0], &status(&gate), &503);
        for line in [url, secret] {
            checks.equal(line, &gate.log().matches(line).count(), &1);
        }
        checks.check("what may be secret is not repeated", !gate.log().contains("hidden-word"), "it is");
        checks.end(&gate.log());
    }
}
