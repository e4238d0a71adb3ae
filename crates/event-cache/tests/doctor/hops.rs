//! Breaks one hop after the other, looks what `doctor` says, and mends it again.

use serde_json::{Value, json};

use crate::aws::{QUEUE, allow};
use crate::clouddriver::{Tells, account};
use crate::relay::Leads;
use crate::support::service::{Service, prepared};
use crate::support::sns::TOPIC;
use crate::world::{ACCOUNT, REGION, World, nobody};

/// A break in what surrounds the service, how it is mended, and what must be said of it.
struct Case {
    name: &'static str,
    tear: fn(&World),
    mend: fn(&World),
    broken: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        name: "Clouddriver's clock is ahead",
        tear: |w| w.clouddriver.tells.lock().ahead = std::time::Duration::from_secs(90),
        mend: |w| w.clouddriver.tells.lock().ahead = std::time::Duration::ZERO,
        broken: &[("clock", "clock-off")],
    },
    Case {
        name: "the topic's policy admits nobody",
        tear: |w| w.aws.topic("Policy", &allow("s3.amazonaws.com", "sns:Publish", TOPIC)),
        mend: |w| w.aws.topic("Policy", &allow("events.amazonaws.com", "sns:Publish", TOPIC)),
        broken: &[("topic", "topic-policy-refuses")],
    },
    Case {
        name: "the topic is encrypted with AWS's own key",
        tear: |w| w.aws.topic("KmsMasterKeyId", "alias/aws/sns"),
        mend: |w| w.aws.topic("KmsMasterKeyId", ""),
        broken: &[("topic", "topic-key-refuses")],
    },
    Case {
        name: "the subscription is not confirmed",
        tear: |w| w.aws.pending(&w.subscription, true),
        mend: |w| w.aws.pending(&w.subscription, false),
        broken: &[("subscription", "subscription-pending")],
    },
    Case {
        name: "raw delivery is on",
        tear: |w| w.aws.subscription(&w.subscription, "RawMessageDelivery", "true"),
        mend: |w| w.aws.subscription(&w.subscription, "RawMessageDelivery", "false"),
        broken: &[("subscription", "subscription-raw")],
    },
    Case {
        name: "the queue's policy admits nobody",
        tear: |w| w.aws.queue_policy(&allow("s3.amazonaws.com", "sqs:SendMessage", QUEUE)),
        mend: |w| w.aws.queue_policy(&allow("sns.amazonaws.com", "sqs:SendMessage", QUEUE)),
        broken: &[("queue", "queue-policy-refuses")],
    },
    Case {
        name: "the queue is gone",
        tear: |w| drop(w.aws.sqs("DeleteQueue", &[("QueueUrl", &w.aws.queue_url())])),
        mend: |w| w.aws.make_queue(),
        broken: &[("queue", "queue-missing")],
    },
    Case {
        name: "the public URL leads to somebody else",
        tear: |w| w.relay.lead(Leads::Wrong),
        mend: |w| w.relay.lead(Leads::Right),
        broken: &[("endpoint", "endpoint-not-ours")],
    },
    Case {
        name: "Clouddriver has no AWS account",
        tear: |w| w.clouddriver.tells.lock().accounts = json!([{"name": "k8s", "cloudProvider": "kubernetes"}]),
        mend: |w| w.clouddriver.tells.lock().accounts = Tells::default().accounts,
        broken: &[("clouddriver", "clouddriver-no-accounts")],
    },
    Case {
        name: "Clouddriver names the account otherwise",
        tear: |w| {
            w.clouddriver.tells.lock().accounts = json!([account("production", ACCOUNT), account("other", ACCOUNT)])
        },
        mend: |w| w.clouddriver.tells.lock().accounts = Tells::default().accounts,
        broken: &[("clouddriver", "clouddriver-account-unknown")],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_break_is_found_and_named_and_nothing_else_is_blamed() {
    let mut world = World::new().await;
    let before = world.doctor().await;
    before.must_break("no heartbeat has come yet", &[("heartbeat", "heartbeat-silent")]);
    world.heartbeat().await;

    let whole = world.doctor_with(&world.yaml(), &[], true).await;
    whole.must_break("all is well", &[]);
    let good: Vec<String> = whole.with("good").into_iter().map(|(hop, _)| hop).collect();
    for hop in ["clock", "credentials", "recorder", "rules", "topic", "subscription", "queue", "endpoint", "service"] {
        assert!(good.iter().any(|other| other == hop), "{hop}: {:#}", whole.report);
    }
    for hop in ["store", "heartbeat", "end-to-end", "lock-store", "clouddriver"] {
        assert!(good.iter().any(|other| other == hop), "{hop}: {:#}", whole.report);
    }
    assert!(whole.text.contains("5.90.0"), "Clouddriver's version is told: {}", whole.text);

    for case in CASES {
        (case.tear)(&world);
        world.doctor().await.must_break(case.name, case.broken);
        (case.mend)(&world);
    }
    at_eventbridge_and_config(&world).await;
    by_a_hub(&world).await;
    by_configuration(&world).await;
    on_the_way_in(&mut world).await;
    several_at_once(&world).await;
    world.doctor().await.must_break("everything was mended", &[]);
}

async fn at_eventbridge_and_config(world: &World) {
    let aws = &world.aws;
    aws.stop_recorder().await;
    world.doctor().await.must_break("the recorder is stopped", &[("recorder", "recorder-stopped")]);
    aws.start_recorder().await;

    aws.events("DisableRule", json!({"Name": "heartbeat"})).await;
    world.doctor().await.must_break("a rule is disabled", &[("rules", "rule-disabled")]);
    aws.events("EnableRule", json!({"Name": "heartbeat"})).await;

    aws.no_target("heartbeat").await;
    let told = world.doctor().await;
    told.must_break("the heartbeat leads nowhere", &[]);
    assert!(
        told.with("warning").contains(&("rules".to_owned(), "heartbeat-rule-missing".to_owned())),
        "{:#}",
        told.report
    );
    aws.no_target("writes").await;
    world.doctor().await.must_break("no rule has a target", &[("rules", "rules-missing")]);
    aws.target("writes").await;
    aws.target("heartbeat").await;

    let narrow = json!({"source": ["aws.test"]}).to_string();
    aws.events("PutRule", json!({"Name": "writes", "EventPattern": narrow})).await;
    let told = world.doctor().await;
    told.must_break("a pattern is too narrow", &[]);
    assert!(told.with("warning").contains(&("rules".to_owned(), "rules-miss-kinds".to_owned())), "{:#}", told.report);
    let all = json!({"source": [{"prefix": "aws."}]}).to_string();
    aws.events("PutRule", json!({"Name": "writes", "EventPattern": all})).await;
}

/// As `aws-setup` makes it: the rules forward to a bus, and one rule of that bus may publish to the topic.
async fn by_a_hub(world: &World) {
    let aws = &world.aws;
    let bus = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/hub");
    let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/hub/to-service");
    let on_bus = |more: Value| {
        let mut body = json!({"EventBusName": "hub"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    aws.events("CreateEventBus", json!({"Name": "hub"})).await;
    let pattern = json!({"account": [ACCOUNT]}).to_string();
    aws.events("PutRule", on_bus(json!({"Name": "to-service", "EventPattern": pattern}))).await;
    for name in ["writes", "heartbeat"] {
        aws.no_target(name).await;
        let target = json!({"Id": "hub", "Arn": bus, "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/forward")});
        aws.events("PutTargets", json!({"Rule": name, "Targets": [target]})).await;
    }
    world.doctor().await.must_break("the bus leads nowhere", &[("rules", "rules-missing")]);

    aws.events("PutTargets", on_bus(json!({"Rule": "to-service", "Targets": [{"Id": "topic", "Arn": TOPIC}]}))).await;
    let mut policy: Value = serde_json::from_str(&allow("events.amazonaws.com", "sns:Publish", TOPIC)).unwrap();
    policy["Statement"][0]["Condition"] = json!({"ArnEquals": {"aws:SourceArn": rule}});
    aws.topic("Policy", &policy.to_string());
    let told = world.doctor().await;
    told.must_break("all is well by a hub", &[]);
    assert!(told.with("good").contains(&("rules".to_owned(), "rules-feed".to_owned())), "{:#}", told.report);

    aws.events("DisableRule", on_bus(json!({"Name": "to-service"}))).await;
    world.doctor().await.must_break("the hub's rule is disabled", &[("rules", "rule-disabled")]);
    policy["Statement"][0]["Condition"] = json!({"ArnEquals": {"aws:SourceArn": format!("{rule}-other")}});
    aws.topic("Policy", &policy.to_string());
    aws.events("EnableRule", on_bus(json!({"Name": "to-service"}))).await;
    world.doctor().await.must_break("the policy is for another rule", &[("topic", "topic-policy-refuses")]);

    aws.topic("Policy", &allow("events.amazonaws.com", "sns:Publish", TOPIC));
    for name in ["writes", "heartbeat"] {
        aws.events("RemoveTargets", json!({"Rule": name, "Ids": ["hub"]})).await;
        aws.target(name).await;
    }
}

async fn by_configuration(world: &World) {
    let yaml = world.yaml();
    let with = async |from: &str, to: &str, more: &[&str]| {
        assert!(yaml.contains(from), "{from}");
        let arguments: Vec<&str> = ["--no-publish"].iter().chain(more).copied().collect();
        world.doctor_with(&yaml.replace(from, to), &arguments, true).await
    };
    let mistake = with("drive: {mode: observe}", "drive: {mode: obsrve}", &[]).await;
    mistake.must_break("the file has a mistake", &[("config", "config-mistake")]);

    let redis = with(&world.redis.url(), &format!("redis://{}", nobody()), &[]).await;
    redis.must_break("nobody is at the lock store's address", &[("lock-store", "lock-store-problem")]);
    let other = with(&world.redis.url(), &format!("{}/7", world.redis.url()), &[]).await;
    other.must_break("it is another Redis database", &[("lock-store", "lock-store-problem")]);

    let away = with(&world.clouddriver.base, &format!("http://{}", nobody()), &[]).await;
    away.must_break("nobody is at Clouddriver's address", &[("clouddriver", "clouddriver-unreachable")]);

    let nobody_there = format!("http://{}", nobody());
    let service = with("mode: observe", "mode: observe", &["--server", &nobody_there]).await;
    service.must_break("the service does not answer", &[("service", "service-unreachable")]);
    assert!(service.with("warning").contains(&("store".to_owned(), "store-in-use".to_owned())), "{:#}", service.report);

    let unwritable = with("/state.redb", "/root.pem/state.redb", &["--server", &nobody_there]).await;
    let expected = [("service", "service-unreachable"), ("store", "store-unwritable")];
    unwritable.must_break("the store's folder is a file", &expected);
    let strange = with("mode: observe", "mode: observe", &["--server", &world.clouddriver.base]).await;
    strange.must_break("somebody else answers", &[("service", "service-odd")]);
}

async fn on_the_way_in(world: &mut World) {
    world.relay.close().await;
    world.doctor().await.must_break("nobody listens at the public URL", &[("endpoint", "endpoint-unreachable")]);
    world.relay.open().await;

    world.relay.lead(Leads::Changed);
    let told = world.doctor().await;
    told.must_break("statuses are changed on the way", &[]);
    assert!(told.with("warning").contains(&("endpoint".to_owned(), "endpoint-status".to_owned())), "{:#}", told.report);
    world.relay.lead(Leads::Right);

    let aws = &world.aws;
    aws.subscription(&world.subscription, "FilterPolicy", "{\"a\":[\"b\"]}");
    let told = world.doctor().await;
    told.must_break("a filter policy", &[]);
    assert!(told.with("warning").contains(&("subscription".to_owned(), "subscription-filtered".to_owned())));
    aws.sns("Unsubscribe", &[("SubscriptionArn", &world.subscription)]);
    let queue_only = world.yaml().replace(&format!("    publicUrl: {}\n", world.relay.url()), "    enabled: false\n");
    let told = world.doctor_with(&queue_only, &[], true).await;
    told.must_break("only the queue is used", &[]);
    assert!(told.text.contains("arrived by sqs"), "{:#}", told.report);
    let told = world.doctor_with(&world.http_only(), &["--no-publish"], true).await;
    told.must_break("the subscription is gone", &[("subscription", "subscription-missing")]);
    world.subscription = aws.subscribe("http", &world.relay.url());
}

/// Any set of breaks is told as exactly that set.
async fn several_at_once(world: &World) {
    world.aws.stop_recorder().await;
    world.aws.events("DisableRule", json!({"Name": "writes"})).await;
    world.aws.pending(&world.subscription, true);
    world.relay.lead(Leads::Wrong);
    let yaml = world.yaml().replace(&world.redis.url(), &format!("redis://{}", nobody()));
    let yaml = yaml.replace(&world.clouddriver.base, &format!("http://{}", nobody()));
    let told = world.doctor_with(&yaml, &["--no-publish"], true).await;
    told.must_break(
        "six at once",
        &[
            ("recorder", "recorder-stopped"),
            ("rules", "rule-disabled"),
            ("subscription", "subscription-pending"),
            ("endpoint", "endpoint-not-ours"),
            ("lock-store", "lock-store-problem"),
            ("clouddriver", "clouddriver-unreachable"),
        ],
    );
    world.relay.lead(Leads::Right);
    world.aws.pending(&world.subscription, false);
    world.aws.events("EnableRule", json!({"Name": "writes"})).await;
    world.aws.start_recorder().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_message_is_told_and_what_may_not_be_seen_or_has_no_credentials_is_skipped() {
    let world = World::new().await;
    world.heartbeat().await;
    world.aws.sns("DeleteTopic", &[("TopicArn", TOPIC)]);
    world.doctor().await.must_break("the topic is gone", &[("topic", "topic-missing")]);
    world.aws.sns("CreateTopic", &[("Name", "cache-events")]);
    world.aws.topic("Policy", &allow("events.amazonaws.com", "sns:Publish", TOPIC));
    world.aws.subscribe("http", &world.relay.url());
    let fault = json!({"rules": [{"kind": "error", "service": "sns", "action": "GetTopicAttributes", "code": "AuthorizationError", "status": 403}]});
    world.aws.mock.administer("faults", &fault).unwrap();
    let denied = world.doctor().await;
    denied.must_break("a permission is missing", &[]);
    assert!(denied.with("skipped").contains(&("topic".to_owned(), "not-permitted".to_owned())), "{:#}", denied.report);
    world.aws.mock.reset().unwrap();

    let none = world.doctor_with(&world.yaml(), &[], false).await;
    none.must_break("no credentials", &[]);
    let skipped = none.with("skipped");
    assert!(skipped.contains(&("credentials".to_owned(), "credentials-none".to_owned())), "{:#}", none.report);
    for hop in ["recorder", "rules", "topic", "subscription", "queue", "end-to-end"] {
        assert!(skipped.contains(&(hop.to_owned(), "not-looked-at".to_owned())), "{hop}: {:#}", none.report);
    }

    world.relay.lead(Leads::Deaf);
    let lost = world.doctor_with(&world.http_only(), &[], true).await;
    lost.must_break("nothing arrives", &[("end-to-end", "probe-lost")]);
}

#[test]
fn what_cannot_be_looked_at_at_all_is_another_exit_status() {
    let output = prepared(&["doctor", "--config", "/nowhere/config.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/nowhere/config.yaml cannot be read"), "{said}");
}

#[test]
fn a_secret_in_the_configuration_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let (redis, server) = (nobody(), nobody());
    let text = format!(
        "accounts: {{discover: false, list: [{{name: prod, accountId: \"{ACCOUNT}\", regions: [eu-west-1]}}]}}\n\
         clouddriver: {{lockStore: {{redis: 'redis://reader:hunter2@{redis}', password: hunter2}}}}\n\
         store: {{path: {}/state.redb}}\n",
        folder.path().display()
    );
    std::fs::write(&file, text).unwrap();
    for form in [&["doctor"][..], &["doctor", "--json"][..]] {
        let mut command = prepared(form);
        command.arg("--config").arg(&file).args(["--server", &format!("http://{server}")]);
        command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_ACCESS_KEY_ID");
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("lock-store") && !said.contains("hunter2"), "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_missing_or_wrong_is_told_and_the_right_one_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    // printf %s doctor-token | sha256sum
    let sha256 = "485c86e719d988011372c009d74838fe4c66e8c2f82108228af1db3db6a59058";
    let text = format!(
        "accounts: {{discover: false, list: [{{name: prod, accountId: \"{ACCOUNT}\", regions: [eu-west-1]}}]}}\n\
         clouddriver: {{lockStore: {{redis: 'redis://{}'}}}}\ndrive: {{mode: observe}}\n\
         server:\n  listen: '127.0.0.1:0'\n  tokens: [{{name: doctor, role: read, sha256: {sha256}}}]\nstore: {{path: {}/state.redb}}\n",
        nobody(),
        folder.path().display()
    );
    std::fs::write(&file, text).unwrap();
    let service = Service::start(&file).await;
    for (token, code) in [
        (None, "service-token-refused"),
        (Some("another-token"), "service-token-refused"),
        (Some("doctor-token"), "service-answers"),
    ] {
        let mut command = prepared(&["doctor", "--json", "--server", &service.base]);
        command.arg("--config").arg(&file).env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_ACCESS_KEY_ID");
        if let Some(token) = token {
            std::fs::write(folder.path().join("token"), format!("{token}\n")).unwrap();
            command.arg("--token-file").arg(folder.path().join("token"));
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(code), "{token:?}: {said}");
    }
}
