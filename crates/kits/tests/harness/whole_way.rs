//! From SNS through Gate's real plugin to the real service, with the secret that only the two share.

use std::path::Path;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_testkit::{EventCache, Host, HostSettings, Topic, bridge_plugin};
use serde_json::{Value, json};

use crate::client::post;

const SECRET: &str = "a-secret_that.both+know";

/// For what the service notes after it has answered.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_sns_posts_to_gate_reaches_the_service_and_nothing_reaches_it_by_another_way() {
    let now = Clock::wall().now();
    let topic = Topic::start("arn:aws:sns:us-west-2:123456789012:cache-events", now).unwrap();
    let service = EventCache::start_configured(|port, folder| config(port, folder, &topic)).unwrap();
    let base = format!("--aws-event-cache.base-url={}", service.url());
    let gate = Host::GateNewest
        .start(&HostSettings {
            plugins: &[&bridge_plugin(None).unwrap()],
            arguments: &[&base],
            environment: &[("AWS_EVENT_CACHE_SECRET", SECRET)],
            jvm: &[],
        })
        .unwrap();
    let endpoint = format!("http://127.0.0.1:{}/webhooks/aws-event-cache", gate.port());

    topic.publish(&endpoint, &heartbeat(&now.to_string()).to_string(), now).unwrap();
    let heard = |status: &Value| {
        status["places"].as_array().is_some_and(|places| places.iter().any(|place| place["health"] == "healthy"))
    };
    assert!(service.wait_for(PATIENCE, heard).unwrap(), "{:?}\n{}", service.status(), service.log());

    let past_gate = topic.publish(&service.subscriber(), &heartbeat("past Gate").to_string(), now).unwrap_err();
    assert!(past_gate.to_string().contains("403"), "{past_gate}");

    let forged = json!({"Type": "Notification", "MessageId": "1", "TopicArn": topic.arn(), "Message": "{}",
        "Timestamp": now.to_string(), "SignatureVersion": "2", "Signature": "AAAA",
        "SigningCertURL": format!("{}/x.pem", topic.endpoint())});
    let said = post(gate.port(), "/webhooks/aws-event-cache", &[], forged.to_string().as_bytes());
    assert!((400..500).contains(&said.status), "Gate passes the service's refusal on: {said:?}");
    assert!(!gate.log().contains(SECRET) && !service.log().contains(SECRET), "the secret is in no log");
}

fn heartbeat(id: &str) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": format!("{:.0}", Clock::wall().now()),
        "region": "us-west-2",
        "resources": ["arn:aws:events:us-west-2:123456789012:rule/aws-event-cache-heartbeat"],
        "detail": {}
    })
}

fn config(port: u16, folder: &Path, topic: &Topic) -> String {
    let (root, store) = (folder.join("root.pem"), folder.join("state.redb"));
    std::fs::write(&root, topic.root_pem()).unwrap();
    format!(
        "accounts:
  discover: false
  list: [{{name: prod, accountId: \"123456789012\", regions: [us-west-2], environment: production}}]
clouddriver: {{url: \"http://127.0.0.1:9\"}}
drive: {{mode: observe}}
intake:
  relaySecret: \"{SECRET}\"
  sns:
    topics: [\"{}\"]
    endpoint: \"{}\"
    certificates: {{extraRoots: [\"{}\"]}}
server: {{listen: \"127.0.0.1:{port}\"}}
store: {{path: \"{}\"}}
log: {{format: json, level: info}}
",
        topic.arn(),
        topic.endpoint(),
        root.display(),
        store.display()
    )
}
