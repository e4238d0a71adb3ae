//! Clients of the official SDK, and what its errors mean here.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_event_cache_model::{AccountId, Region};
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::chain;
use crate::facts::{Identity, Unseen};
use crate::settings::{Patient, QueuePlace};

/// A connection that takes longer than this will not come.
const CONNECT: Duration = Duration::from_secs(3);

/// The longest that one call may take, with its one repetition.
const CALL: Duration = Duration::from_secs(8);

/// How often a call is made: once more than once, since a throttled call says nothing of the hop that it asked about.
const ATTEMPTS: u32 = 2;

/// How long credentials are looked for: the last in the chain, the machine's own, takes some seconds where there is none.
const CREDENTIALS: Duration = Duration::from_secs(12);

/// The name of our sessions in CloudTrail.
const SESSION: &str = "aws-event-cache-doctor";

/// Pages of a listing that are read at most: more rules or subscriptions than a thousand belong to something else than this feed.
pub(crate) const PAGES: usize = 10;

/// AWS, as reached with the default chain's credentials.
pub(crate) struct Aws {
    base: SdkConfig,
    /// Stands for SNS, unless the environment says where AWS is.
    sns_endpoint: Option<String>,
    home: Region,
}

impl Aws {
    /// Reads the SDK's usual environment and files; no call is made.
    pub(crate) async fn new(patient: &Patient) -> Self {
        let home = patient.home();
        let base = aws_config::defaults(BehaviorVersion::latest())
            .region(aws_config::Region::new(home.as_str().to_owned()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(CALL).build())
            .load()
            .await;
        let elsewhere = base.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_SNS").is_some();
        let sns_endpoint = patient.sns_endpoint.clone().filter(|_| !elsewhere);
        Self { base, sns_endpoint, home }
    }

    /// Where AWS is, if the environment says so.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.base.endpoint_url()
    }

    /// The region of whatever has none of its own.
    pub(crate) fn home(&self) -> &Region {
        &self.home
    }

    /// Whose credentials these are.
    pub(crate) async fn identity(&self) -> Identity {
        let client = aws_sdk_sts::Client::new(&self.base);
        let Ok(answer) = tokio::time::timeout(CREDENTIALS, client.get_caller_identity().send()).await else {
            return Identity::None("none were found in time".to_owned());
        };
        match answer {
            Ok(who) => match who.account.as_deref().map(AccountId::new) {
                Some(Ok(account)) => Identity::Known { account, arn: who.arn.unwrap_or_default() },
                _ => Identity::Refused("AWS does not say whose they are".to_owned()),
            },
            Err(SdkError::DispatchFailure(failure)) if !failure.is_io() && !failure.is_timeout() => {
                // What fails before anything is sent, and not for the network, is finding credentials.
                let error = failure.as_connector_error().map(|error| innermost(error)).unwrap_or_default();
                // What follows is every place that was tried, a line each.
                let first = error.lines().next().unwrap_or_default().trim_end_matches(". Attempted:");
                Identity::None(if first.is_empty() { "none were found" } else { first }.to_owned())
            }
            Err(error) => Identity::Refused(words(&error)),
        }
    }

    pub(crate) fn sns(&self, region: &Region) -> aws_sdk_sns::Client {
        let mut config = aws_sdk_sns::config::Builder::from(&self.in_region(region));
        if let Some(endpoint) = &self.sns_endpoint {
            config = config.endpoint_url(endpoint);
        }
        aws_sdk_sns::Client::from_conf(config.build())
    }

    pub(crate) fn events(&self, region: &Region) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.in_region(region))
    }

    pub(crate) fn recorders(&self, region: &Region) -> aws_sdk_config::Client {
        aws_sdk_config::Client::new(&self.in_region(region))
    }

    /// As the service itself reaches the queue: at its endpoint, under its role.
    pub(crate) async fn sqs(&self, queue: &QueuePlace) -> aws_sdk_sqs::Client {
        let regional = self.in_region(&queue.region);
        let mut config = aws_sdk_sqs::config::Builder::from(&regional);
        if let Some(endpoint) = &queue.endpoint {
            config = config.endpoint_url(endpoint);
        }
        if let Some((role, external_id)) = &queue.role {
            let mut provider = AssumeRoleProvider::builder(role).session_name(SESSION).configure(&regional);
            if let Some(id) = external_id {
                provider = provider.external_id(id);
            }
            config = config.credentials_provider(provider.build().await);
        }
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    fn in_region(&self, region: &Region) -> SdkConfig {
        self.base.to_builder().region(aws_config::Region::new(region.as_str().to_owned())).build()
    }
}

/// Codes by which AWS says that somebody may not do something.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
];

/// Codes by which AWS says that something is not there.
const MISSING: &[&str] = &[
    "NotFound",
    "NotFoundException",
    "ResourceNotFoundException",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
];

/// What an error means; `permission` is the one that the call needs.
pub(crate) fn unseen<E>(error: &SdkError<E, HttpResponse>, permission: &'static str) -> Unseen
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or_default(),
        _ => "",
    };
    if DENIED.contains(&code) {
        Unseen::Denied(permission)
    } else if MISSING.contains(&code) {
        Unseen::Missing
    } else {
        Unseen::Failed(words(error))
    }
}

/// An error in one line: AWS's own code and words, or what lies at the end of the chain.
fn words<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let said =
                format!("{} {}", service.err().code().unwrap_or_default(), service.err().message().unwrap_or_default());
            said.trim().to_owned()
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        other => innermost(other),
    }
}

/// The SDK's outer texts only say "dispatch failure"; the cause lies at the end of the chain.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    chain(innermost)
}
