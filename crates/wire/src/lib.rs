//! What AWS's requests and answers look like on the wire, as far as a cache in front of AWS has to know it. Pure: bytes in, facts out; no I/O, no clock.
//!
//! ```text
//! request head ─ signature, caller ──> who asks, for which region and service, how it is signed
//! head + body ── call ───────────────> protocol, API version, operation, flat parameters
//!                └─ write_key ───────> the canonical bytes that equal requests share
//! answer body ── next_token, has_members, error_code, owner_of, fingerprint
//! refuse ────────────────────────────> an answer of our own that every SDK can parse
//! ```
//!
//! Everything here reads what strangers send: sizes, counts and depths are bounded, nothing panics, and what is not understood completely is said so instead of guessed.
//! A caller forwards what is not understood, unchanged.

mod account;
mod call;
mod caller;
mod error;
mod fingerprint;
mod key;
mod members;
mod owner;
mod parameters;
mod refuse;
mod signature;
mod structure;
mod token;

pub use account::account_of;
pub use aws_event_cache_model::ErrorShape;
pub use call::{BadRoute, Call, NotACall, Protocol, Routes, call};
pub use caller::{acts_for_operation, amz_date, attempt, security_token};
pub use error::{error_code, is_auth_error, is_throttle};
pub use fingerprint::fingerprint;
pub use key::{write_key, write_raw};
pub use members::has_members;
pub use owner::{owner_of, shows_owner};
pub use parameters::Parameters;
pub use refuse::{Refusal, refuse};
pub use signature::{Credential, Signature, signature};
pub use token::{Scan, next_token};
