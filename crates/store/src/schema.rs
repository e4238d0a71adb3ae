//! Tables, bounds and the schema's version.

use redb::TableDefinition;

/// Version of the schema. Raised when an older binary would misread what a newer one wrote; a file with a higher number is refused.
pub const SCHEMA: u64 = 1;

/// Recent events kept: a few hours of a busy account, enough to answer "was it heard of?" after an incident, at about 1 MB.
pub const EVENTS_KEPT: u64 = 2_000;

/// Final refreshes kept, so that a pipeline that asks late still finds its result. Refreshes that are not final are never dropped: they are work owed.
pub const REFRESHES_KEPT: u64 = 500;

/// Audit entries kept: operators act some dozens of times a day, so this is most of a year at about 3 MB.
pub const AUDIT_KEPT: u64 = 10_000;

/// Different counter names kept. Names are a small closed set of ours; the bound only keeps a mistake from growing the file.
pub const COUNTERS_KEPT: u64 = 1_000;

pub(crate) const OWED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("owed");
pub(crate) const REFRESHES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("refreshes");
pub(crate) const REFRESHES_ENDED: TableDefinition<'_, (i64, &str), &[u8]> = TableDefinition::new("refreshes_ended");
pub(crate) const REFRESHES_ENDED_AT: TableDefinition<'_, &str, i64> = TableDefinition::new("refreshes_ended_at");
pub(crate) const OVERRIDES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("overrides");
pub(crate) const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");
pub(crate) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
pub(crate) const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
pub(crate) const META: TableDefinition<'_, &str, i64> = TableDefinition::new("meta");

pub(crate) const META_SCHEMA: &str = "schema";
pub(crate) const META_LAST_ALIVE: &str = "last_alive";
pub(crate) const META_CLEAN: &str = "clean";
