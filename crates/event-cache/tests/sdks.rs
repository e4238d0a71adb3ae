//! Real AWS SDKs through the answer arm: what each gets is what it gets without it, whichever way it takes to the proxy; AWS finds every signature in order; and
//! what is asked again is not asked of AWS again.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aws_event_cache_testkit::{Credentials, MockAws, Said, Sdk, Way, free_port};
use reqwest::StatusCode;
use serde_json::json;
use support::service::{Service, command};
use support::{later, now, until};
use tempfile::TempDir;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-west-2";

/// For so long after its first request the answer arm keeps nothing longer than two seconds.
const RESUMING: Duration = Duration::from_secs(21);

/// The mock AWS that checks signatures, the service in front of it, and a role's session.
struct World {
    aws: MockAws,
    service: Service,
    proxy: String,
    authority: PathBuf,
    who: Credentials,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let accounts = format!("--accounts={ACCOUNT}");
        let aws = MockAws::start(&[&accounts, "--regions", REGION, "--fleet=small", "--check-signatures"]).unwrap();
        let folder = tempfile::Builder::new().prefix("aec-sdks-").tempdir().unwrap();
        let ca = folder.path().join("ca");
        let made = command(&["ca", "init", "--folder", ca.to_str().unwrap()]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let proxy = format!("127.0.0.1:{}", free_port().unwrap());
        let file = folder.path().join("config.yaml");
        let config = format!(
            "accounts:
  discover: false
  list: [{{name: prod, accountId: \"{ACCOUNT}\", regions: [{REGION}], environment: production}}]
drive: {{mode: off}}
answer:
  mode: serve
  listen: \"{proxy}\"
  ca: \"{}\"
  upstream: {{endpoint: \"{}\"}}
server: {{listen: \"127.0.0.1:0\"}}
store: {{path: \"{}\"}}
",
            ca.display(),
            aws.url(),
            folder.path().join("state.redb").display(),
        );
        fs::write(&file, config).unwrap();
        let service = Service::start(&file).await;
        // No events come here, and a script may take longer than answers stay fresh without them.
        let order = json!({"account": "prod", "cadence": "10m", "for": "1h", "reason": "no events come here"});
        let (status, said) = service.post("/v1/overrides", &order).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        let who = session(&aws);
        Self { aws, service, proxy: format!("http://{proxy}"), authority: ca.join("ca.pem"), who, folder }
    }

    /// Runs the script; what it said, and the AWS calls that this took, by action.
    fn run(&self, sdk: Sdk, way: &Way<'_>, run: &str) -> (Vec<Said>, Vec<(String, u64)>) {
        self.aws.reset().unwrap();
        let throttle = json!({"rules": [{"kind": "throttle", "service": "ec2", "action": "DescribeVpcs", "times": 1}]});
        self.aws.administer("faults", &throttle).unwrap();
        let said = tokio::task::block_in_place(|| sdk.calls(way, &self.who, run, self.folder.path())).unwrap();
        let calls = self.aws.calls("action").unwrap();
        assert_eq!(calls["totals"]["forged"], 0, "AWS found a signature that does not fit: {calls}");
        let rows = calls["calls"].as_array().unwrap().iter();
        (said, rows.map(|row| (row["action"].as_str().unwrap().to_owned(), row["calls"].as_u64().unwrap())).collect())
    }
}

/// A role's session, as Clouddriver has one for each account.
fn session(aws: &MockAws) -> Credentials {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/SpinnakerManaged");
    let request = [("RoleArn", role.as_str()), ("RoleSessionName", "sdks")];
    let answer = aws.account(ACCOUNT, REGION).call("sts", "2011-06-15", "AssumeRole", &request).unwrap();
    let field = |name: &str| {
        let from = answer.split_once(&format!("<{name}>")).unwrap().1;
        from.split_once('<').unwrap().0.to_owned()
    };
    Credentials {
        key_id: field("AccessKeyId"),
        secret: field("SecretAccessKey"),
        token: field("SessionToken"),
        region: REGION.to_owned(),
    }
}

/// Straight to AWS, then twice through the proxy by each way that the SDK knows. `listing` is an action whose answers are kept; its pages are asked for once.
async fn gets_what_it_gets_without_the_proxy(sdk: Sdk, listing: &str) {
    let world = World::start().await;
    // Once for what the script makes, so that the next one finds everything there.
    world.run(sdk, &Way::Direct(world.aws.url()), "direct");
    let (expected, _) = world.run(sdk, &Way::Direct(world.aws.url()), "direct");
    assert!(expected.len() >= 6, "{expected:?}");
    // A service that has just begun to look keeps nothing for long: writes may have passed before. Only then is its memory worth asking.
    let first = sdk.ways().first().copied().unwrap();
    let way = Way::Proxy { url: &world.proxy, authority: &world.authority, via: first };
    assert_eq!(world.run(sdk, &way, "first").0, expected, "{sdk:?} at the start");
    until(later(now(), RESUMING)).await;
    for (n, via) in sdk.ways().iter().enumerate() {
        let way = Way::Proxy { url: &world.proxy, authority: &world.authority, via: *via };
        for again in [false, true] {
            let (said, calls) = world.run(sdk, &way, &format!("run-{n}"));
            assert_eq!(said, expected, "{sdk:?} {via:?}");
            let listed = calls.iter().find(|(action, _)| action == listing).map_or(0, |(_, count)| *count);
            assert_eq!(listed > 0, n == 0 && !again, "{sdk:?} {via:?}: {listed} calls of {listing}, again: {again}");
            let wrote = calls.iter().any(|(action, count)| action == "PutMetricAlarm" && *count == 1);
            assert!(wrote, "a write reaches AWS once: {calls:?}");
        }
    }
    let savings = world.service.get("/v1/savings").await;
    assert!(savings["total"]["avoided"].as_u64().unwrap() > 0, "{savings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_gets_through_the_proxy_what_it_gets_without_it() {
    gets_what_it_gets_without_the_proxy(Sdk::Boto3, "DescribeAutoScalingGroups").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_gets_through_the_proxy_what_it_gets_without_it() {
    gets_what_it_gets_without_the_proxy(Sdk::Cli, "DescribeAutoScalingGroups").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_go_gets_through_the_proxy_what_it_gets_without_it() {
    gets_what_it_gets_without_the_proxy(Sdk::Go, "DescribeAutoScalingGroups").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_java_v1_gets_through_the_proxy_what_it_gets_without_it() {
    gets_what_it_gets_without_the_proxy(Sdk::JavaV1, "DescribeAutoScalingGroups").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_java_v2_gets_through_the_proxy_what_it_gets_without_it() {
    gets_what_it_gets_without_the_proxy(Sdk::JavaV2, "DescribeSecurityGroups").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_rust_gets_through_the_proxy_what_it_gets_without_it() {
    gets_what_it_gets_without_the_proxy(Sdk::Rust, "DescribeAutoScalingGroups").await;
}
