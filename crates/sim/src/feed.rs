//! What SNS delivers, and when: events of the changes, heartbeats, and forgeries.

use std::time::Duration;

use aws_event_cache_model::{Place, Timestamp};
use aws_event_cache_signer::{Envelope, Message, Signer, SignerError, Version};

use crate::churn::Change;
use crate::messages::{Announcer, heartbeat};

/// A heartbeat rule fires once a minute, the finest rate that EventBridge has.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(60);

/// One forgery for so many genuine messages: enough to be seen, few enough to be realistic.
const FORGERY_EVERY: usize = 12;

/// One delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// When it reaches us.
    pub at: Timestamp,
    /// The body that is posted.
    pub body: String,
    /// Whether it is not from SNS and must be refused.
    pub forged: bool,
}

/// Signs everything that will be delivered, in order of time.
///
/// # Errors
/// [`SignerError`] when a message cannot be signed.
pub fn deliveries(
    changes: &[Change],
    places: &[Place],
    announcer: &Announcer,
    signers: &Signers<'_>,
    start: Timestamp,
    length: Duration,
) -> Result<Vec<Delivery>, SignerError> {
    let mut all = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        let Some(payload) = announcer.payload(change, &uuid(number)) else { continue };
        let message = Message::notification(signers.topic, &payload, change.at).with_id(&uuid(number));
        let envelope = signers.genuine.sign(&message, Version::V2)?;
        let body = envelope.to_json();
        all.extend(change.arrivals.iter().map(|at| Delivery { at: *at, body: body.clone(), forged: false }));
        if number % FORGERY_EVERY == 0 {
            all.push(Delivery {
                at: change.at,
                body: signers.forge(number / FORGERY_EVERY, &envelope, &message)?,
                forged: true,
            });
        }
    }
    all.extend(heartbeats(places, signers, start, length)?);
    all.sort_by_key(|delivery| delivery.at);
    Ok(all)
}

fn heartbeats(
    places: &[Place],
    signers: &Signers<'_>,
    start: Timestamp,
    length: Duration,
) -> Result<Vec<Delivery>, SignerError> {
    let mut all = Vec::new();
    let beats = length.as_secs() / HEARTBEAT_EVERY.as_secs() + 1;
    for (number, place) in places.iter().enumerate() {
        for beat in 0..beats {
            let id = uuid(1_000_000 + number * 100_000 + beat as usize);
            let at = start.saturating_add(HEARTBEAT_EVERY * beat as u32).unwrap_or(start);
            let message = Message::notification(signers.topic, &heartbeat(place, at, &id), at).with_id(&id);
            let body = signers.genuine.sign(&message, Version::V2)?.to_json();
            all.push(Delivery { at: at.saturating_add(Duration::from_secs(1)).unwrap_or(at), body, forged: false });
        }
    }
    Ok(all)
}

/// Who signs.
#[derive(Debug)]
pub struct Signers<'a> {
    /// SNS.
    pub genuine: &'a Signer,
    /// Somebody with a certificate from elsewhere.
    pub stranger: &'a Signer,
    /// The topic.
    pub topic: &'a str,
}

impl Signers<'_> {
    /// A forgery of one of several sorts: another text, another key, another topic, a folded subject, another certificate.
    fn forge(&self, number: usize, genuine: &Envelope, message: &Message) -> Result<String, SignerError> {
        let mut forged = genuine.clone();
        let id = uuid(2_000_000 + number);
        match number % 5 {
            0 => forged.fields.insert("Message".into(), r#"{"source":"aws.ec2","detail-type":"x","detail":{}}"#.into()),
            1 => return Ok(self.stranger.sign(&message.clone().with_id(&id), Version::V2)?.to_json()),
            2 => forged.fields.insert("TopicArn".into(), "arn:aws:sns:eu-west-1:999999999999:mine".into()),
            3 => forged.fields.insert("MessageId".into(), format!("{}\nSubject\nx", message.id).into()),
            _ => {
                forged.fields.insert("SigningCertURL".into(), "https://sns.s3-us-west-2.amazonaws.com/mine.pem".into())
            }
        };
        Ok(forged.to_json())
    }
}

/// A UUID-shaped number: repeatable, so that a seed always gives the same messages.
fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
