//! Confirming subscriptions: the request is composed from the topic and the token; the received URL is compared and never fetched.

use async_trait::async_trait;
use smol_str::SmolStr;

use crate::certs::CertsSettings;
use crate::envelope::Envelope;
use crate::fetch::{FetchError, client, get};
use crate::refusal::Refusal;
use crate::topic::Topic;

/// A subscription that waits to be confirmed. The token is a capability: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Confirmation {
    topic: Topic,
    token: String,
}

impl std::fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirmation").field("topic", &self.topic.arn()).finish_non_exhaustive()
    }
}

impl Confirmation {
    /// Takes what a verified confirmation says, if its `SubscribeURL` is the one that follows from topic and token.
    ///
    /// # Errors
    /// [`Refusal::ConfirmationAddress`] when they do not agree; [`Refusal::MissingField`] when it is no confirmation.
    pub(crate) fn of(envelope: &Envelope<'_>, base: Option<&str>) -> Result<Self, Refusal> {
        let (Some(token), Some(url)) = (&envelope.token, &envelope.subscribe_url) else {
            return Err(Refusal::MissingField);
        };
        let confirmation = Self { topic: envelope.topic.clone(), token: token.clone().into_owned() };
        let raw = confirmation.url(base, envelope.topic.arn());
        let encoded = confirmation.url(base, &envelope.topic.arn().replace(':', "%3A"));
        if **url == raw || **url == encoded { Ok(confirmation) } else { Err(Refusal::ConfirmationAddress) }
    }

    /// The topic.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The request, as SNS itself writes it. Topic ARN and token have forms that need no escaping.
    fn url(&self, base: Option<&str>, arn: &str) -> String {
        let base = base.map_or_else(|| format!("https://{}", self.topic.host()), str::to_owned);
        format!("{base}/?Action=ConfirmSubscription&TopicArn={arn}&Token={}", self.token)
    }
}

/// Who tells SNS: the HTTP client, or a test.
#[async_trait]
pub trait Confirmer: Send + Sync + 'static {
    /// Confirms once and returns the subscription's ARN, if SNS named it.
    ///
    /// # Errors
    /// [`ConfirmError`] says whether another try makes sense.
    async fn confirm(&self, confirmation: &Confirmation) -> Result<Option<SmolStr>, ConfirmError>;
}

/// A confirmation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    /// SNS was not reached or is busy.
    #[error("SNS did not answer")]
    Temporary(#[source] FetchError),
    /// SNS refused: the token is expired, or the topic is gone. Subscribe again.
    #[error("SNS refused the confirmation; the token may have expired, subscribe again")]
    Refused(#[source] FetchError),
}

/// Confirms over HTTPS with a `GET` that needs no credentials (API reference of `ConfirmSubscription`).
#[derive(Debug)]
pub struct HttpConfirmer {
    client: reqwest::Client,
    base: Option<String>,
}

impl HttpConfirmer {
    /// Uses the time limits, proxy and base of the certificate settings.
    ///
    /// # Errors
    /// [`FetchError`] when the HTTP client cannot be made.
    pub fn new(settings: &CertsSettings) -> Result<Self, FetchError> {
        let base = settings.endpoint_base.clone();
        Ok(Self { client: client(settings, base.is_none())?, base })
    }
}

#[async_trait]
impl Confirmer for HttpConfirmer {
    async fn confirm(&self, confirmation: &Confirmation) -> Result<Option<SmolStr>, ConfirmError> {
        let url = confirmation.url(self.base.as_deref(), confirmation.topic.arn());
        match get(&self.client, &url).await {
            Ok(body) => Ok(subscription_arn(&body, &confirmation.topic)),
            Err(FetchError::Status(status)) if (400..500).contains(&status) && status != 429 => {
                Err(ConfirmError::Refused(FetchError::Status(status)))
            }
            Err(error) => Err(ConfirmError::Temporary(error)),
        }
    }
}

/// `<SubscriptionArn>…</SubscriptionArn>` of SNS's answer, if what stands there is the topic's ARN and a UUID. It goes into the log, so nothing else may.
fn subscription_arn(body: &[u8], topic: &Topic) -> Option<SmolStr> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<SubscriptionArn>")?;
    let (arn, _) = rest.split_once("</SubscriptionArn>")?;
    let id = arn.strip_prefix(topic.arn())?.strip_prefix(':')?;
    let is_id = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_id.then(|| arn.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_subscription_of_the_topic_is_read_from_the_answer() {
        let topic: Topic = "arn:aws:sns:eu-west-1:111122223333:t".parse().unwrap();
        let read = |body: &str| subscription_arn(body.as_bytes(), &topic);
        assert_eq!(
            read("<a><SubscriptionArn>arn:aws:sns:eu-west-1:111122223333:t:0f-1</SubscriptionArn></a>").as_deref(),
            Some("arn:aws:sns:eu-west-1:111122223333:t:0f-1")
        );
        assert_eq!(
            read("<SubscriptionArn>arn:aws:sns:eu-west-1:111122223333:t:0\nforged log line</SubscriptionArn>"),
            None
        );
        assert_eq!(read("<SubscriptionArn>pending confirmation</SubscriptionArn>"), None);
    }
}
