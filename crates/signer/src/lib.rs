//! Signs messages as Amazon SNS does, under a root that nobody trusts until it is told to.
//!
//! For tests, benchmarks and the demonstration. A [`TestRoot`] (and, if wanted, an intermediate below it) issues the certificate of a [`Signer`], which
//! makes the three kinds of SNS message with signature version 1 or 2. The certificate looks like the ones AWS uses: RSA-2048, a TLS certificate for
//! `sns.amazonaws.com`, valid for about eleven months, and the file holds the leaf only.
//!
//! ```
//! use aws_event_cache_signer::{Message, Signer, TestRoot, Version};
//! use jiff::Timestamp;
//!
//! # fn main() -> Result<(), aws_event_cache_signer::SignerError> {
//! let now = Timestamp::UNIX_EPOCH;
//! let signer = Signer::new(&TestRoot::new(now)?)?;
//! let message = Message::notification("arn:aws:sns:eu-west-1:111122223333:cache-events", "hello", now);
//! assert!(signer.sign(&message, Version::V2)?.to_json().contains("SigningCertURL"));
//! # Ok(())
//! # }
//! ```

mod message;
mod root;
mod sha1;
mod signer;

pub use message::{Envelope, Kind, Message, Version};
pub use root::{LeafOptions, TestRoot};
pub use signer::Signer;

/// A key or certificate could not be made. With sound input this does not happen; it exists so that nobody has to unwrap.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// aws-lc-rs refused to make or use a key.
    #[error("the RSA key could not be made or used")]
    Key,
    /// A certificate could not be written, for instance since a name is not a DNS name.
    #[error("the certificate could not be made")]
    Certificate(#[from] rcgen::Error),
}
