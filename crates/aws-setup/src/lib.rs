//! What AWS needs so that it tells of changes: CloudFormation, Terraform and IAM policies for an operator's accounts, regions and kinds, and what they cost.
//!
//! ```text
//! configuration ─┐             ┌─> rules ──┬─> cloudformation ─> hub.yaml, member.yaml, deploy.sh
//! accounts ──────┼─> plan ─────┤           ├─> terraform ──────> main.tf, hub/, member/
//! catalogue ─────┘  (hubs,     │           └─> policy ─────────> reader.json, topic.json, …
//!                    places,   └─> volume ─> cost
//!                    kinds in use)
//! ```
//!
//! A **hub** is one event bus with the topic or queue that the service listens to. A **member** is one account and region: rules on its default bus send what
//! matters to a hub. Which events, calls and types matter is read from the catalogue; the plumbing around them stands as text in `templates/`, so that what an
//! operator gets reads as if written by hand.
//!
//! Everything here is a function of its arguments: no I/O, no clock, no AWS SDK.

mod cloudformation;
pub mod cost;
mod demand;
mod document;
mod hub;
mod options;
mod pattern;
mod place;
mod plan;
mod policy;
mod rules;
mod template;
mod terraform;

pub use cloudformation::cloudformation;
pub use demand::Demand;
pub use document::Document;
pub use hub::Hub;
pub use options::{BadOption, Key, Options, Recorder, Writes};
pub use pattern::{PATTERN_LIMIT, size};
pub use plan::{Plan, PlanError};
pub use policy::policies;
pub use rules::{ForwardRule, RuleTooLong, forward_rules};
pub use terraform::terraform;
