//! Development and demonstration only: a simulated AWS account, a simulated Clouddriver, and SNS messages that are really signed.
//!
//! [`demo`] puts two worlds side by side on the same changes: one Clouddriver polls as stock; the other is driven by the service's own code, over real
//! HTTP, with the real store. What is simulated is AWS, Clouddriver's agents and scheduler, and the network between AWS and the endpoint; nothing else.

pub mod aws;
pub mod churn;
pub mod demo;
pub mod feed;
pub mod locks;
pub mod messages;
pub mod report;
pub mod staleness;
pub mod world;
