//! The answer arm as a whole: the real binary between clients that sign like SDKs and a stand-in for AWS, told by signed messages.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod answering;
mod books;
mod client;
mod stand_in;
#[path = "../support/mod.rs"]
mod support;
mod switches;
mod tls;
mod world;
