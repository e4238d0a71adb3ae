//! The configuration file: one YAML file, typed, valid by construction, with every mistake reported at once.
//!
//! ```text
//! text ──parser's events──> tree (every key and value with line, column and exact text)
//!                            │
//!                            ├──walk──> unknown keys, wrong shapes      (schema: every key as data)
//!                            └──sections──> typed values, contradictions ──> Config
//! ```
//!
//! Why not derive it with serde: serde stops at the first mistake, and turns `012345678901` into a number before anybody can say that an account id should
//! have been quoted. The schema is data, so names, ranges and defaults stand in one place: reading, messages, `docs/configuration.md` and the check of the
//! shipped example all use it.
//!
//! Reading a configuration does no I/O but through [`Outside`] (environment variables and the files that the configuration names), and never panics, whatever
//! the text is.

mod address;
mod config;
mod duration;
mod effective;
#[cfg(test)]
mod example_tests;
mod files;
mod kinds;
#[cfg(test)]
mod message_tests;
mod mistake;
mod outside;
mod profiles;
mod reference;
mod scalar;
pub mod schema;
mod secret;
mod section;
mod sections;
mod settings;
mod size;
mod tree;
mod walk;

pub use config::{Config, Loaded};
pub use effective::{CeilingFrom, Effective, EffectiveKind, EffectivePlace, EffectiveProfile};
pub use kinds::{KnownKind, KnownKinds};
pub use mistake::{ConfigErrors, Mistake};
pub use outside::Outside;
pub use profiles::shipped_profiles;
pub use reference::reference;
pub use secret::Secret;
pub use sections::accounts::{AccountSettings, EnvironmentRule};
pub use sections::answer::{AccountWord, AnswerBudget, AnswerSettings};
pub use sections::answer_network::{AnswerUpstream, Credentials, Hosts};
pub use sections::certificates::{CertificateSettings, ChainCheck};
pub use sections::clouddriver::{
    CacheStore, ClouddriverSettings, LockStore, LockStoreSettings, PluginSettings, Scheduler,
};
pub use sections::intake::{IntakeSettings, RawSettings, SnsSettings, TooOld};
pub use sections::server::{Role, ServerSettings, TlsSettings, TokenSettings};
pub use sections::service::{LogFormat, LogSettings};
pub use sections::sqs::QueueSettings;
pub use sections::topic::TopicArn;
pub use settings::Changed;
