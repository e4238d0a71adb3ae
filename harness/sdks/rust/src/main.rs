//! The script of ../README.md with the AWS SDK for Rust.

use std::env;
use std::error::Error;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_autoscaling as autoscaling;
use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};
use aws_sdk_secretsmanager as secretsmanager;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use serde_json::json;

type Failure = Box<dyn Error>;

/// The SDK takes a proxy and a CA in code only.
async fn config(host: &str) -> Result<SdkConfig, Failure> {
    let mut config =
        aws_config::defaults(BehaviorVersion::latest()).region(aws_config::Region::new(env::var("AWS_REGION")?));
    if let Ok(direct) = env::var("CALLS_ENDPOINT") {
        return Ok(config.endpoint_url(direct).http_client(Builder::new().build_http()).load().await);
    }
    let proxy = ProxyConfig::all(env::var("CALLS_PROXY")?)?;
    let trust = TrustStore::empty().with_pem_certificate(std::fs::read(env::var("CALLS_CA")?)?);
    let tls = TlsContext::builder().with_trust_store(trust).build()?;
    if env::var("CALLS_VIA")? == "http" {
        config = config.endpoint_url(format!("http://{host}.{}.amazonaws.com", env::var("AWS_REGION")?));
    }
    let http = Builder::new().build_with_connector_fn(move |settings, _| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector
            .proxy_config(proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .build()
    });
    Ok(config.http_client(http).load().await)
}

fn say(call: &str, answer: impl std::fmt::Debug) {
    println!("{}", json!({"call": call, "answer": format!("{answer:?}")}));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let scaling = autoscaling::Client::new(&config("autoscaling").await?);
    let mut pages = scaling.describe_auto_scaling_groups().max_records(2).into_paginator().items().send();
    while let Some(group) = pages.try_next().await? {
        say("group", group);
    }

    let vault = secretsmanager::Client::new(&config("secretsmanager").await?);
    say("secrets", vault.list_secrets().send().await?.secret_list().len());
    let missing = vault.describe_secret().secret_id("no-such-secret").send().await;
    say("no such secret", missing.err().and_then(|error| error.into_service_error().meta().code().map(str::to_owned)));

    let watch = cloudwatch::Client::new(&config("monitoring").await?);
    let others: Vec<String> = alarms(&watch).await?.into_iter().filter(|name| !name.contains("sdk-")).collect();
    say("alarms", others);
    let name = format!("sdk-{}", env::var("CALLS_RUN")?);
    let alarm = watch.put_metric_alarm().alarm_name(&name).metric_name("CPUUtilization").namespace("AWS/EC2");
    let alarm = alarm.statistic(Statistic::Average).period(60).evaluation_periods(1).threshold(1.0);
    alarm.comparison_operator(ComparisonOperator::GreaterThanThreshold).send().await?;
    say("own write seen", alarms(&watch).await?.contains(&name));
    Ok(())
}

async fn alarms(watch: &cloudwatch::Client) -> Result<Vec<String>, Failure> {
    let answer = watch.describe_alarms().send().await?;
    Ok(answer.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name().map(str::to_owned)).collect())
}
