//! One way in for every message: verify, forget duplicates, decode, hand over.
//!
//! The order is from cheap and suspicious to dear and trusting: nothing is fetched before the topic is known to be allowed, and no id is remembered before
//! its signature was checked and its hints were taken.

mod consequences;
mod memory;
mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::HintSink;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{Source, Timestamp};
use memory::Memory;
use parking_lot::{Mutex, RwLock};
use rules::{Rules, check_age};
use tokio::sync::Semaphore;

use crate::certs::{CertificateAddress, SigningCerts};
use crate::confirm::Confirmer;
use crate::decode::{Context, Trust};
use crate::envelope::{Envelope, MessageType, SignatureVersion};
use crate::probe::{Probe, Probes, Sighting};
use crate::refusal::Refusal;
use crate::replay::{MessageKey, ReplayStore};
use crate::samples::Sample;
use crate::settings::Settings;
use crate::topic::Topic;

/// How many confirmations may be under way. Each needs an allowed topic and a signature, so more than a few mean that something repeats them.
const CONFIRMING: usize = 8;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Its hints were handed over and are durable.
    Hints(usize),
    /// It had been accepted before.
    Duplicate,
    /// Understood or not, nothing follows.
    Nothing,
    /// The subscription is being confirmed.
    Confirming,
    /// The feed has ended; whoever depends on it was told.
    StreamStopped,
}

/// What the SNS headers say. Unsigned: they may only agree with the body.
#[derive(Debug, Clone, Copy, Default)]
pub struct SnsHeaders<'a> {
    /// `x-amz-sns-message-type`.
    pub message_type: Option<&'a str>,
    /// `x-amz-sns-message-id`.
    pub message_id: Option<&'a str>,
    /// `x-amz-sns-topic-arn`.
    pub topic_arn: Option<&'a str>,
}

/// The intake: shared by the SNS endpoint and the SQS consumer.
pub struct Intake {
    rules: RwLock<Arc<Rules>>,
    sink: Arc<dyn HintSink>,
    certs: Arc<dyn SigningCerts>,
    confirmer: Arc<dyn Confirmer>,
    clock: Clock,
    replay: Mutex<ReplayStore>,
    memory: Mutex<Memory>,
    probes: Mutex<Probes>,
    confirming: Arc<Semaphore>,
    stopping: AtomicBool,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("remembered", &self.replay.lock().len()).finish_non_exhaustive()
    }
}

impl Intake {
    /// Joins the parts. Nothing runs by itself.
    pub fn new(
        settings: Settings,
        catalog: Arc<Catalog>,
        sink: Arc<dyn HintSink>,
        certs: Arc<dyn SigningCerts>,
        confirmer: Arc<dyn Confirmer>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            replay: Mutex::new(ReplayStore::new(settings.replay_capacity)),
            rules: RwLock::new(Rules::of(settings, catalog)),
            sink,
            certs,
            confirmer,
            clock,
            memory: Mutex::default(),
            probes: Mutex::default(),
            confirming: Arc::new(Semaphore::new(CONFIRMING)),
            stopping: AtomicBool::new(false),
        })
    }

    /// Takes new settings and catalogue for the messages to come. Paths, the raw path and the size of the replay store stay until restart.
    pub fn reload(&self, settings: Settings, catalog: Arc<Catalog>) {
        *self.rules.write() = Rules::of(settings, catalog);
    }

    /// From now on every message is told to come again later.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The settings that hold now.
    pub fn settings(&self) -> Settings {
        self.rules().settings.clone()
    }

    /// Messages that were not understood, newest first, without their values.
    pub fn unknown_samples(&self) -> Vec<Sample> {
        self.memory.lock().samples()
    }

    /// Opens a probe: whether a message with its id comes is noted from now on.
    pub fn open_probe(&self) -> Probe {
        self.probes.lock().open(self.clock.now())
    }

    /// A probe, with where it was seen; `None` when it was never opened, or is over.
    pub fn probe(&self, id: &str) -> Option<Probe> {
        self.probes.lock().get(id, self.clock.now())
    }

    /// Takes a body that SNS posted: an envelope, whose signature must be right.
    ///
    /// # Errors
    /// [`Refusal`], which has been counted.
    pub async fn accept_sns(&self, body: &str, headers: SnsHeaders<'_>) -> Result<Accepted, Refusal> {
        count(Metric::MessagesReceived, &[("source", Source::Sns.as_str())]);
        let answer = self.signed(body, headers).await;
        self.judged(Source::Sns, body, answer)
    }

    /// Takes the body of a raw delivery whose credentials have been checked. It can only ever be a notification.
    ///
    /// # Errors
    /// [`Refusal`], which has been counted.
    pub async fn accept_raw(&self, body: &str, headers: SnsHeaders<'_>) -> Result<Accepted, Refusal> {
        count(Metric::MessagesReceived, &[("source", Source::Sns.as_str())]);
        let answer = self.raw(body, headers).await;
        self.judged(Source::Sns, body, answer)
    }

    /// Takes a body that did not come over HTTP: an SNS envelope or the bare payload. There is no age limit, since a queue keeps messages for two weeks.
    ///
    /// A subscription confirmation, which comes this way when queue and topic belong to different accounts, is always verified, and so is the notice that
    /// a subscription has ended.
    ///
    /// # Errors
    /// [`Refusal`], which has been counted; [`Refusal::is_retryable`] says whether to leave the message in the queue.
    pub async fn accept_body(&self, text: &str, context: Context) -> Result<Accepted, Refusal> {
        let source = context.source;
        count(Metric::MessagesReceived, &[("source", source.as_str())]);
        let answer = self.queued(text, context).await;
        self.judged(source, text, answer)
    }

    /// Counts a refusal that was decided before there was a body to look at.
    pub fn refused(&self, source: Source, refusal: Refusal) {
        count(Metric::MessagesRefused, &[("source", source.as_str()), ("reason", refusal.as_str())]);
        let is_news = self.memory.lock().is_news(refusal, self.clock.now());
        if is_news {
            tracing::warn!(reason = refusal.as_str(), source = source.as_str(), "message refused: {refusal}");
        }
    }

    fn judged(&self, source: Source, body: &str, answer: Result<Accepted, Refusal>) -> Result<Accepted, Refusal> {
        let sighting = || Sighting { at: self.clock.now(), source, accepted: answer.is_ok() };
        let is_probe = {
            let mut probes = self.probes.lock();
            probes.are_in(body) && probes.note(body, sighting())
        };
        // A probe without a signature is refused as it is meant to be: nobody needs to hear of it.
        if let (Err(refusal), false) = (answer, is_probe) {
            self.refused(source, refusal);
        }
        answer
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read())
    }

    fn check_running(&self) -> Result<(), Refusal> {
        if self.stopping.load(Ordering::Relaxed) { Err(Refusal::ShuttingDown) } else { Ok(()) }
    }

    async fn signed(&self, body: &str, headers: SnsHeaders<'_>) -> Result<Accepted, Refusal> {
        self.check_running()?;
        let (rules, now) = (self.rules(), self.clock.now());
        let envelope = Envelope::parse_as(body, headers.message_type)?;
        let agrees = |header: Option<&str>, field: &str| header.is_none_or(|header| header == field);
        if !agrees(headers.message_id, envelope.message_id()) || !agrees(headers.topic_arn, envelope.topic().arn()) {
            return Err(Refusal::HeaderMismatch);
        }
        if !rules.allowed.allow(envelope.topic()) {
            return Err(Refusal::TopicNotAllowed);
        }
        let in_window = check_age(&envelope, &rules.settings, now)?;
        self.verify(&envelope, &rules, now).await?;
        self.verified(&envelope, &rules, Source::Sns, in_window).await
    }

    /// Address, certificate and signature. The topic must have been found on the list.
    async fn verify(&self, envelope: &Envelope<'_>, rules: &Rules, now: Timestamp) -> Result<(), Refusal> {
        let topic = envelope.topic();
        if envelope.version == SignatureVersion::V1 {
            if rules.allowed.require_v2(topic) {
                return Err(Refusal::SignatureVersion);
            }
            if self.memory.lock().tell_once("v1", topic.arn()) {
                tracing::info!(topic = topic.arn(), "topic signs with SHA-1; set its SignatureVersion attribute to 2");
            }
        }
        let base = rules.settings.endpoint_base.as_deref();
        let address = CertificateAddress::of(topic, &envelope.certificate_url, base)?;
        let certificate = self.certs.certificate(&address, now).await.map_err(|error| error.refusal())?;
        certificate.verify(envelope)
    }

    /// Goes on with an envelope whose signature is right.
    async fn verified(
        &self,
        envelope: &Envelope<'_>,
        rules: &Rules,
        source: Source,
        in_window: bool,
    ) -> Result<Accepted, Refusal> {
        let key = MessageKey::of(envelope.topic().arn(), envelope.message_id());
        if self.is_duplicate(&key, source) {
            return Ok(Accepted::Duplicate);
        }
        let accepted = match envelope.message_type() {
            MessageType::Notification => {
                let context = context_of(envelope, source, Trust::Signed);
                self.notified(envelope.message(), &context, rules, in_window).await?
            }
            MessageType::SubscriptionConfirmation => self.confirm(envelope, rules)?,
            MessageType::UnsubscribeConfirmation => self.stopped(envelope, source).await?,
        };
        self.remember(key);
        Ok(accepted)
    }

    async fn raw(&self, body: &str, headers: SnsHeaders<'_>) -> Result<Accepted, Refusal> {
        self.check_running()?;
        let rules = self.rules();
        if headers.message_type != Some(MessageType::Notification.as_str()) {
            return Err(Refusal::NotANotification);
        }
        let topic: Topic = headers.topic_arn.and_then(|arn| arn.parse().ok()).ok_or(Refusal::HeaderMismatch)?;
        if !rules.allowed.allow(&topic) {
            return Err(Refusal::TopicNotAllowed);
        }
        // The id of the header is not signed: with it, somebody could suppress a message to come.
        let key = MessageKey::of_text(topic.arn(), body);
        let context = Context {
            source: Source::Sns,
            id: "raw".into(),
            region: Some(topic.region().clone()),
            origin: topic.arn().into(),
            trust: Trust::Raw,
        };
        self.once(key, body, &context, &rules).await
    }

    async fn queued(&self, text: &str, context: Context) -> Result<Accepted, Refusal> {
        self.check_running()?;
        let rules = self.rules();
        let Ok(envelope) = Envelope::parse(text) else {
            let key = if context.id.is_empty() {
                MessageKey::of_text(&context.origin, text)
            } else {
                MessageKey::of(&context.origin, &context.id)
            };
            return self.once(key, text, &context, &rules).await;
        };
        let is_notification = envelope.message_type() == MessageType::Notification;
        if !is_notification || rules.settings.verify_queue_envelopes {
            if !rules.allowed.allow(envelope.topic()) {
                return Err(Refusal::TopicNotAllowed);
            }
            self.verify(&envelope, &rules, self.clock.now()).await?;
            return self.verified(&envelope, &rules, context.source, true).await;
        }
        let key = MessageKey::of(envelope.topic().arn(), envelope.message_id());
        let context = context_of(&envelope, context.source, Trust::Queue);
        self.once(key, envelope.message(), &context, &rules).await
    }

    /// Takes an unsigned message, unless it came before.
    async fn once(
        &self,
        key: MessageKey,
        message: &str,
        context: &Context,
        rules: &Rules,
    ) -> Result<Accepted, Refusal> {
        if self.is_duplicate(&key, context.source) {
            return Ok(Accepted::Duplicate);
        }
        let accepted = self.notified(message, context, rules, true).await?;
        self.remember(key);
        Ok(accepted)
    }

    fn is_duplicate(&self, key: &MessageKey, source: Source) -> bool {
        let known = self.replay.lock().contains(key);
        if known {
            count(Metric::MessagesDuplicate, &[("source", source.as_str())]);
        }
        known
    }

    fn remember(&self, key: MessageKey) {
        let mut replay = self.replay.lock();
        replay.record(key);
        let first_forgotten = replay.evicted() == 1;
        drop(replay);
        if first_forgotten && self.memory.lock().tell_once("replay store", "full") {
            tracing::info!("the replay store is full; a repeat of what it forgets costs a needless refresh");
        }
    }
}

fn context_of(envelope: &Envelope<'_>, source: Source, trust: Trust) -> Context {
    Context {
        source,
        id: envelope.message_id().into(),
        region: Some(envelope.topic().region().clone()),
        origin: envelope.topic().arn().into(),
        trust,
    }
}
