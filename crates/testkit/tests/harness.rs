//! The mock AWS and Clouddriver's real agents work together.

use std::time::Duration;

use aws_event_cache_testkit::{Clouddriver, MockAws, Redis, Release};

const PROD: &str = "123456789012";
const STAGING: &str = "222222222222";

#[test]
fn every_agent_of_clouddriver_1_36_runs_against_the_mock() {
    let aws =
        MockAws::start(&["--fleet", "small", "--accounts", &format!("{PROD},{STAGING}"), "--empty-unimplemented"])
            .unwrap();
    let redis = Redis::start().unwrap();
    let clouddriver = Clouddriver::start(Release::Spinnaker136, &aws, &redis).unwrap();
    let idle = clouddriver.wait_for_agents(Duration::from_secs(120)).unwrap();
    assert!(idle.is_empty(), "never ran: {idle:?}\n{}\n{}", clouddriver.proxy_log(), clouddriver.log());

    let groups = clouddriver.keys("serverGroups").unwrap();
    assert_eq!(groups.len(), 10, "five in each account: {groups:?}");
    let group = clouddriver.cached("serverGroups", &groups[0]).unwrap().unwrap();
    assert_eq!(group["attributes"]["asg"]["desiredCapacity"], 2, "{group}");
    let throttled = &aws.calls("service").unwrap()["totals"]["throttled"];
    assert_eq!(throttled, 0);
}
