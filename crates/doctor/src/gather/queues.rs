//! A queue and its dead letters.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::aws::{Aws, unseen};
use crate::facts::{QueueAttributes, Seen};
use crate::settings::QueuePlace;

type Attributes = HashMap<QueueAttributeName, String>;

pub(super) async fn attributes(aws: &Aws, queue: &QueuePlace) -> Seen<QueueAttributes> {
    let client = aws.sqs(queue).await;
    let all = all(&client, &queue.url).await?;
    let redrive: Option<Value> =
        all.get(&QueueAttributeName::RedrivePolicy).and_then(|text| serde_json::from_str(text).ok());
    let dead = redrive.as_ref().and_then(|policy| policy.get("deadLetterTargetArn")).and_then(Value::as_str);
    let dead_letters = match dead {
        Some(arn) => Some((arn.to_owned(), waiting_in(&client, arn).await)),
        None => None,
    };
    Ok(QueueAttributes {
        policy: all.get(&QueueAttributeName::Policy).and_then(|text| serde_json::from_str(text).ok()),
        waiting: waiting(&all),
        dead_letters,
    })
}

async fn all(client: &Client, url: &str) -> Seen<Attributes> {
    let answer = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
    Ok(answer.map_err(|e| unseen(&e, "sqs:GetQueueAttributes"))?.attributes.unwrap_or_default())
}

fn waiting(all: &Attributes) -> u64 {
    all.get(&QueueAttributeName::ApproximateNumberOfMessages).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// How many messages wait in the queue of this ARN; `None` when we may not look.
async fn waiting_in(client: &Client, arn: &str) -> Option<u64> {
    let parts: Vec<&str> = arn.split(':').collect();
    let (account, name) = (parts.get(4)?, parts.get(5)?);
    let url = client.get_queue_url().queue_name(*name).queue_owner_aws_account_id(*account).send().await.ok()?;
    Some(waiting(&all(client, url.queue_url()?).await.ok()?))
}
