//! What is known about each kind of AWS resource, as data.
//!
//! One file per kind says how each source of messages names it, what else it makes stale, which of Clouddriver's agents read it, which on-demand call helps, how AWS
//! throttles its reads, and how far events can be trusted. Kinds, agents and services are YAML: shipped ones are part of the binary, an operator adds or replaces
//! others in a folder. No Rust source outside this folder names a kind, an agent's class or an AWS event; a test sees to it.
//!
//! ```
//! use aws_event_cache_catalog::{Catalog, Found};
//!
//! let catalog = Catalog::parse([
//!     ("services/test.yaml", "title: Test\nevent_sources: [test.amazonaws.com]\nbuckets: {read: {capacity: 100, refill: 20}}"),
//!     ("agents/widgets.yaml", "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]"),
//!     ("kinds/widget.yaml", "
//! title: Widget
//! named_by: widget id (w-…)
//! coverage: full
//! cadence: {floor: 30s, ceiling: 10m}
//! settle: 10s
//! agents: [widgets]
//! calls:
//!   - {service: test, events: [MakeWidget, Break*], name: req.widgetId}
//! reads:
//!   - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}
//! "),
//! ])?;
//! let call = serde_json::json!({"eventSource": "test.amazonaws.com", "eventName": "BreakWidget", "requestParameters": {"widgetId": "w-1"}});
//! assert!(matches!(catalog.of_call(&call), Found::Kinds(kinds) if kinds[0].kind.as_str() == "widget"));
//! # Ok::<(), aws_event_cache_catalog::CatalogErrors>(())
//! ```

mod agent_spec;
mod catalog;
mod check;
mod decode;
mod error;
mod filter;
mod index;
mod kind;
mod markdown;
mod name_form;
mod operation;
mod path;
mod read;
mod requests;
mod roster;
mod service;
mod template;
mod tree;
mod writes;

pub use agent_spec::{AgentSpec, Per};
pub use catalog::Catalog;
pub use decode::{Found, FoundKind};
pub use error::{CatalogError, CatalogErrors, UnknownKind};
pub use filter::Filter;
pub use kind::{
    AnyCallRule, CallRule, ChangeBy, ChangeRule, Condition, ConfigRule, Coverage, Effect, EventRule, Kind,
    NotificationRule, OnDemand, Reach, Rule, WriteRule,
};
pub use markdown::kinds_markdown;
pub use name_form::NameForm;
pub use operation::{Admit, AgeClass, Item, Page, Read, With};
pub use path::{NAMES_LIMIT, NameRule, Path};
pub use roster::Roster;
pub use service::{Api, Bucket, Service, ThrottleEvent};
pub use template::{BodyValue, Template};
