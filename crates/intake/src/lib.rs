//! Hints in: the SNS endpoint, signature check, envelopes and decoders.
//!
//! ```text
//! HTTP ──> http ──> intake ──> envelope ──> allowed? age? ──> certs ──> signature ──> replay ──> decode ──> HintSink
//! SQS ─────────────────^  (trust is the queue's policy; envelopes verified if configured)          ^
//! recorded file ────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A message is answered with success only when its hints are durable or it needs none. What a retry cannot help is refused with 4xx; what is our fault
//! with 5xx, so that SNS repeats it. Every refusal has one word of a closed set, [`Refusal`]. Tokens, signatures and the subscribe and unsubscribe URLs are
//! capabilities and never logged.

mod certificate;
mod certificate_cache;
mod certs;
mod confirm;
mod confirming;
pub mod decode;
mod envelope;
mod fetch;
mod http;
mod intake;
mod probe;
mod recorded;
mod refusal;
mod replay;
mod samples;
mod settings;
mod signature;
mod topic;

pub use certificate::BadCertificate;
pub use certs::{
    CertificateAddress, CertificateError, CertsError, CertsSettings, ChainCheck, FetchedCerts, Roots, SigningCerts,
};
pub use confirm::{ConfirmError, Confirmation, Confirmer, HttpConfirmer};
pub use envelope::{Envelope, MessageType, SignatureVersion};
pub use fetch::FetchError;
pub use http::router;
pub use intake::{Accepted, Intake, SnsHeaders};
pub use probe::{Probe, Sighting};
pub use recorded::decode_recorded;
pub use refusal::Refusal;
pub use replay::{MessageKey, ReplayStore};
pub use samples::Sample;
pub use settings::{AllowedTopic, RawDelivery, RelaySecret, Settings};
pub use signature::SigningCertificate;
pub use topic::{BadTopic, Topic};
