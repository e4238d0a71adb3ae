//! Development and demonstration only: a simulated AWS account, a simulated Clouddriver, and SNS messages that are really signed.
//!
//! [`demo`] puts three worlds side by side on the same changes and the same messages: one Clouddriver polls as stock; the second is driven by the service's own
//! code; the third polls as stock, and its requests pass through the service's own answer arm. The messages come over real HTTP, and the stores are real. What is
//! simulated is AWS, Clouddriver's agents and scheduler, and the network between them and to the endpoint; nothing else.

pub mod answer_arm;
pub mod aws;
pub mod bodies;
pub mod churn;
pub mod demo;
pub mod feed;
pub mod locks;
pub mod messages;
pub mod report;
pub mod requests;
pub mod service;
pub mod staleness;
pub mod world;
