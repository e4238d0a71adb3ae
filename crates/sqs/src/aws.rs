//! The official SDK behind [`Queue`].

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_event_cache_model::{Region, Timestamp};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName,
};

use crate::failure::{Failure, FailureKind};
use crate::queue::{Queue, Received, Refused};
use crate::settings::QueueSettings;

/// The most that SQS gives or takes in one call.
const BATCH: i32 = 10;

/// A connection that takes longer than this will not come.
const CONNECT: Duration = Duration::from_secs(5);

/// Time for a call beyond the long poll's own wait: generous, since a slow answer is better than asking twice.
const ANSWER: Duration = Duration::from_secs(10);

/// The name of our sessions in CloudTrail.
const SESSION: &str = "aws-event-cache";

/// The default chain's configuration. One attempt per call: backoff and its patience are ours, and the SDK's own retries would hide throttling from it.
pub(crate) async fn base(region: &Region) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(aws_config::Region::new(region.as_str().to_owned()))
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

/// One queue at AWS.
pub(crate) struct AwsQueue {
    client: Client,
    url: String,
    wait: Duration,
    visibility: Duration,
}

impl fmt::Debug for AwsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsQueue").field("url", &self.url).finish_non_exhaustive()
    }
}

impl AwsQueue {
    /// Makes the client; no call is made.
    pub(crate) async fn connect(base: &SdkConfig, settings: &QueueSettings, region: &Region) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_timeout(settings.wait.saturating_add(ANSWER))
            .build();
        let regional = base
            .to_builder()
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        let mut config = aws_sdk_sqs::config::Builder::from(&regional);
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint);
        }
        if let Some(role) = &settings.role {
            let mut provider = AssumeRoleProvider::builder(&role.arn).session_name(SESSION).configure(&regional);
            if let Some(id) = &role.external_id {
                provider = provider.external_id(id);
            }
            config = config.credentials_provider(provider.build().await);
        }
        Self {
            client: Client::from_conf(config.build()),
            url: settings.url.clone(),
            wait: settings.wait,
            visibility: settings.visibility,
        }
    }
}

#[async_trait]
impl Queue for AwsQueue {
    async fn receive(&self) -> Result<Vec<Received>, Failure> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(seconds(self.wait))
            .visibility_timeout(seconds(self.visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    async fn delete(&self, receipts: &[&str]) -> Result<Vec<Refused>, Failure> {
        let entries = receipts.iter().enumerate().map(|(index, receipt)| {
            DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(*receipt).build()
        });
        let entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(|error| unbuilt(&error))?;
        let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries)).send();
        let answer = call.await.map_err(|error| failure(&error))?;
        Ok(answer.failed.iter().filter_map(refused).collect())
    }

    async fn delete_one(&self, receipt: &str) -> Result<(), Failure> {
        let call = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt).send();
        call.await.map(drop).map_err(|error| failure(&error))
    }

    async fn hide(&self, receipts: &[(&str, Duration)]) -> Result<Vec<Refused>, Failure> {
        let entries = receipts.iter().enumerate().map(|(index, (receipt, delay))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(*receipt)
                .visibility_timeout(seconds(*delay))
                .build()
        });
        let entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(|error| unbuilt(&error))?;
        let call = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries)).send();
        let answer = call.await.map_err(|error| failure(&error))?;
        Ok(answer.failed.iter().filter_map(refused).collect())
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// A message without a receipt could not be deleted, so it is as if it had not come. SQS always sends one.
fn received(message: Message) -> Option<Received> {
    let attribute = |name| message.attributes.as_ref().and_then(|all| all.get(&name));
    let count = attribute(MessageSystemAttributeName::ApproximateReceiveCount).and_then(|text| text.parse().ok());
    let sent = attribute(MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
    Some(Received {
        count: count.unwrap_or(1),
        sent: sent.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle?,
        body: message.body.unwrap_or_default(),
    })
}

fn refused(entry: &BatchResultErrorEntry) -> Option<Refused> {
    let said = format!("{} {}", entry.code, entry.message.as_deref().unwrap_or_default());
    Some(Refused {
        index: entry.id.parse().ok()?,
        failure: Failure::new(FailureKind::of(Some(&entry.code), None), said.trim()),
        ours: entry.sender_fault,
    })
}

fn unbuilt(error: &dyn Error) -> Failure {
    Failure::new(FailureKind::Other, &error.to_string())
}

fn failure<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E, HttpResponse>) -> Failure {
    match error {
        SdkError::TimeoutError(_) => Failure::new(FailureKind::Network, "no answer in time"),
        SdkError::DispatchFailure(dispatch) if dispatch.is_io() || dispatch.is_timeout() => {
            Failure::new(FailureKind::Network, &innermost(error))
        }
        // What fails before anything is sent, and not for the network, is finding credentials.
        SdkError::DispatchFailure(_) => Failure::new(FailureKind::Credentials, &innermost(error)),
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code();
            let said = format!("{} {}", code.unwrap_or_default(), service.err().message().unwrap_or_default());
            Failure::new(FailureKind::of(code, Some(status)), said.trim())
        }
        SdkError::ResponseError(_) => Failure::new(FailureKind::Service, &innermost(error)),
        _ => Failure::new(FailureKind::Other, &innermost(error)),
    }
}

/// The SDK's outer texts only say "dispatch failure"; the cause lies at the end of the chain.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
