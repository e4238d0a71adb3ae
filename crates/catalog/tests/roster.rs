//! The roster: which agents Clouddriver runs for given accounts, by the shipped files.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_model::{
    AccountId, Accounts, AgentName, Environment, KindId, Place, Provider, Region, SpinnakerAccount, StockPolling,
};

fn account(name: &str, provider: Provider, id: &str, regions: &[&str], lambda: bool) -> SpinnakerAccount {
    SpinnakerAccount {
        name: name.to_owned(),
        provider,
        account: AccountId::new(id).unwrap(),
        regions: regions.iter().map(|region| Region::new(region).unwrap()).collect(),
        environment: Environment::new("production").unwrap(),
        assume_role: None,
        lambda,
    }
}

fn roster() -> Roster {
    let accounts = Accounts::new([
        account("prod", Provider::Aws, "111122223333", &["eu-west-1", "us-east-1"], true),
        account("prod-too", Provider::Aws, "111122223333", &["eu-west-1"], false),
        account("prod-ecs", Provider::Ecs, "111122223333", &["eu-west-1"], false),
        account("test", Provider::Aws, "444455556666", &["us-east-1"], false),
    ]);
    Catalog::shipped().roster(&accounts, &StockPolling::default())
}

fn reading(account: &str, region: &str, kind: &str) -> Vec<String> {
    let place = Place::new(AccountId::new(account).unwrap(), Region::new(region).unwrap());
    roster().reading(&place, &KindId::new(kind).unwrap()).iter().map(|agent| agent.name.to_string()).collect()
}

#[test]
fn every_spinnaker_account_of_an_aws_account_has_its_own_agents() {
    let agents = reading("111122223333", "eu-west-1", "instance");
    assert_eq!(agents, ["prod-too/eu-west-1/InstanceCachingAgent", "prod/eu-west-1/InstanceCachingAgent"]);
    assert_eq!(reading("111122223333", "us-east-1", "instance"), ["prod/us-east-1/InstanceCachingAgent"]);
    assert!(reading("111122223333", "eu-central-1", "instance").is_empty());
    assert!(reading("999999999999", "eu-west-1", "instance").is_empty());
}

#[test]
fn a_kind_that_two_providers_read_has_agents_of_both() {
    let agents = reading("111122223333", "eu-west-1", "target-health");
    assert_eq!(
        agents,
        [
            "prod-ecs/eu-west-1/TargetHealthCachingAgent",
            "prod-too/eu-west-1/AmazonApplicationLoadBalancerCachingAgent",
            "prod/eu-west-1/AmazonApplicationLoadBalancerCachingAgent",
        ]
    );
}

#[test]
fn roles_are_read_for_the_whole_account_wherever_the_message_came_from() {
    for region in ["us-east-1", "global", "eu-west-1", "eu-central-1"] {
        assert_eq!(
            reading("111122223333", region, "role"),
            ["prod-ecs/IamRoleCachingAgent", "prod/IamRoleCachingAgent"],
            "{region}"
        );
    }
    assert!(reading("444455556666", "us-east-1", "role").is_empty(), "neither Lambda nor ECS reads roles there");
}

#[test]
fn server_certificates_are_read_in_each_region_and_all_of_them_are_meant() {
    let agents = reading("111122223333", "us-east-1", "server-certificate");
    assert_eq!(
        agents,
        [
            "prod-too/eu-west-1/AmazonCertificateCachingAgent",
            "prod/eu-west-1/AmazonCertificateCachingAgent",
            "prod/us-east-1/AmazonCertificateCachingAgent",
        ]
    );
}

#[test]
fn an_agent_that_exists_once_per_region_reads_for_all_accounts_there() {
    for account in ["111122223333", "444455556666"] {
        let agents = reading(account, "us-east-1", "instance-type");
        assert_eq!(agents, ["AmazonInstanceTypeCachingAgent/us-east-1"], "{account}");
    }
    let name = AgentName::new("AmazonInstanceTypeCachingAgent/us-east-1").unwrap();
    let agent = roster().named(&name).cloned().unwrap();
    assert_eq!((agent.account_name.as_str(), agent.place.region.as_str()), ("", "us-east-1"));
}

#[test]
fn lambda_agents_exist_only_for_accounts_with_lambda() {
    let agents = reading("111122223333", "eu-west-1", "lambda-function");
    assert_eq!(agents, ["prod/eu-west-1/LambdaCachingAgent"]);
}

#[test]
fn agents_carry_their_own_interval_or_that_of_the_configuration() {
    let roster = roster();
    let agent = |name: &str| roster.named(&AgentName::new(name).unwrap()).cloned().unwrap();
    assert_eq!(agent("prod/eu-west-1/InstanceCachingAgent").interval, Duration::from_secs(30));
    assert_eq!(agent("prod/eu-west-1/AmazonElasticIpCachingAgent").interval, Duration::from_secs(300));
    assert_eq!(agent("prod/IamRoleCachingAgent").interval, Duration::from_secs(1800));
    assert_eq!(agent("prod-ecs/IamRoleCachingAgent").interval, Duration::from_secs(30));
    assert_eq!(agent("prod/IamRoleCachingAgent").place.region.as_str(), "global");
}

#[test]
fn agents_are_listed_once_and_in_order() {
    let roster = roster();
    let names: Vec<_> = roster.agents().iter().map(|agent| agent.name.clone()).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(names.iter().all(|name| roster.named(name).is_some()));
    assert!(roster.agents().iter().all(|agent| !agent.kinds.is_empty()));
}
