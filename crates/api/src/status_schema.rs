//! What `GET /v1/status` shows, for the OpenAPI document. The engine writes the JSON itself; a test compares the fields of both.

#![allow(dead_code, reason = "only the derived schemas are used")]

use utoipa::ToSchema;

use crate::overrides::OverrideView;

/// Everything, at one time.
#[derive(ToSchema)]
pub(crate) struct Status {
    /// When this was said.
    #[schema(format = DateTime)]
    now: String,
    /// What the drive arm may do: `off`, `observe` or `enforce`.
    mode: String,
    /// When the engine was started.
    #[schema(format = DateTime)]
    started: String,
    /// Whether a kill switch covers everything.
    killed: bool,
    /// Spinnaker accounts known.
    accounts: u64,
    /// Agents, counted by what their locks showed at the last look.
    agents: AgentCounts,
    /// Refreshes that wait or are under way.
    queue: QueueStatus,
    /// What has been done since the start.
    counters: Counters,
    /// Event stream and budget of each account and region.
    places: Vec<PlaceStatus>,
    /// Cadence and freshness of each account, region and kind that an agent reads.
    scopes: Vec<ScopeStatus>,
    /// The last refreshes that ended, newest first. In watch mode: what would have been done.
    recent: Vec<RecentRefresh>,
    /// Overrides in force.
    overrides: Vec<OverrideView>,
    /// What is wrong, in plain words; empty when all is well.
    problems: Vec<String>,
    /// The embedded store.
    store: StoreStatus,
    /// How the other parts are doing: accounts, queues, Clouddriver's side, messages that were not understood.
    parts: serde_json::Map<String, serde_json::Value>,
}

/// Agents, counted.
#[derive(ToSchema)]
pub(crate) struct AgentCounts {
    /// That the catalogue and the accounts give.
    known: u64,
    /// Of which a run was seen.
    seen: u64,
    /// Whose next poll is put off (in watch mode: would be).
    held: u64,
    /// That are running now.
    running: u64,
    /// That Clouddriver does not seem to run.
    absent: u64,
    /// Whose last refresh failed for good.
    failing: u64,
}

/// Refreshes that wait or are under way.
#[derive(ToSchema)]
pub(crate) struct QueueStatus {
    /// Waiting, class operator.
    operator: u64,
    /// Waiting, class event.
    event: u64,
    /// Waiting, class settle.
    settle: u64,
    /// Waiting, class sweep.
    sweep: u64,
    /// Under way.
    in_flight: u64,
    /// Agents whose run is owed durably.
    owed: u64,
    /// Second looks ahead.
    looks: u64,
    /// Operators' refreshes that are not final.
    open_refreshes: u64,
}

/// What has been done since the start.
#[derive(ToSchema)]
pub(crate) struct Counters {
    /// Hints planned.
    hints: u64,
    /// Hints about accounts or regions that are not served.
    hints_not_served: u64,
    /// Hints about kinds that the catalogue does not know.
    hints_unknown: u64,
    /// Runs asked for by hints, before merging.
    wanted: u64,
    /// Runs not asked for, since one that started late enough had ended.
    already_fresh: u64,
    /// Runs forced by us.
    forced_runs: u64,
    /// Refreshes that an agent's own poll satisfied.
    own_runs: u64,
    /// On-demand calls.
    on_demand: u64,
    /// Runs that would have been forced (watch mode).
    would_force: u64,
    /// Polls that were seen and would have been put off (watch mode).
    polls_would_save: u64,
    /// Stock polls that did not take place since an agent was held.
    polls_saved: u64,
    /// Refreshes tried again.
    retries: u64,
    /// Refreshes that failed for good.
    failures: u64,
    /// Refreshes put off by the budget.
    limit_delays: u64,
    /// Signs that AWS throttled.
    throttles: u64,
    /// Changes that reading again showed and nothing had announced.
    uncovered_changes: u64,
}

/// One account and region.
#[derive(ToSchema)]
pub(crate) struct PlaceStatus {
    /// Account and region.
    place: Place,
    /// Whether its event stream can be trusted.
    health: String,
    /// When anything was last heard from it.
    #[schema(format = DateTime)]
    last_sign: Option<String>,
    /// When the last heartbeat came.
    #[schema(format = DateTime)]
    last_heartbeat: Option<String>,
    /// How late the last heartbeat was.
    lateness_ms: Option<u64>,
    /// Since when it has been healthy without a break.
    #[schema(format = DateTime)]
    healthy_since: Option<String>,
    /// Services that AWS throttles, each with the share of the call rate still in force.
    #[schema(value_type = Vec<Vec<Object>>)]
    throttled: Vec<(String, f64)>,
}

/// Account and region.
#[derive(ToSchema)]
pub(crate) struct Place {
    /// The AWS account.
    account: String,
    /// The region.
    region: String,
}

/// One account, region and kind.
#[derive(ToSchema)]
pub(crate) struct ScopeStatus {
    /// The AWS account.
    account: String,
    /// The region.
    region: String,
    /// The kind.
    kind: String,
    /// Time between two polls; null: stock polling.
    cadence_ms: Option<u64>,
    /// Why it is so, in a word such as `kind-ceiling`, `stream-silent` or `override`.
    reason: String,
    /// How old answers about it may get.
    max_age_ms: u64,
    /// Changes that reading again showed and nothing had announced.
    uncovered_changes: u64,
    /// When a change was last heard of.
    #[schema(format = DateTime)]
    last_event: Option<String>,
    /// When the last run of an agent that reads it started: how old Clouddriver's copy is.
    #[schema(format = DateTime)]
    last_run: Option<String>,
    /// When the last heartbeat of its place came.
    #[schema(format = DateTime)]
    heartbeat: Option<String>,
    /// Runs of its agents that are owed or under way.
    backlog: u64,
    /// Its agents.
    agents: Vec<AgentStatus>,
}

/// One agent.
#[derive(ToSchema)]
pub(crate) struct AgentStatus {
    /// Its name.
    name: String,
    /// When its last run started.
    #[schema(format = DateTime)]
    last_run: Option<String>,
    /// Until when it is held (in watch mode: would be).
    #[schema(format = DateTime)]
    held_until: Option<String>,
    /// The last refresh of ours.
    last_refresh: Option<LastRefresh>,
    /// Why its last refresh failed for good.
    failure: Option<String>,
}

/// What the last refresh of an agent came to.
#[derive(ToSchema)]
pub(crate) struct LastRefresh {
    /// When its run started.
    #[schema(format = DateTime)]
    started: String,
    /// How it came about: `forced-run`, `own-run`, `on-demand` or `would-force`.
    means: String,
    /// How urgent it was.
    class: String,
}

/// A refresh of one agent that ended.
#[derive(ToSchema)]
pub(crate) struct RecentRefresh {
    /// When it ended.
    #[schema(format = DateTime)]
    at: String,
    /// Of which agent.
    agent: String,
    /// Where the agent reads.
    place: Place,
    /// How urgent.
    class: String,
    /// The first cause, in the sender's words.
    cause: String,
    /// How many causes were merged.
    causes: u64,
    /// How it came about; null when it failed.
    means: Option<String>,
    /// When the run started.
    #[schema(format = DateTime)]
    started: Option<String>,
    /// From the change, as far as known, else from the message, to the start of the run.
    latency_ms: Option<u64>,
    /// Why it failed.
    failure: Option<String>,
}

/// The embedded store.
#[derive(ToSchema)]
pub(crate) struct StoreStatus {
    /// Durable commits since the start.
    commits: u64,
    /// Why the last commit failed, until one succeeds again.
    problem: Option<String>,
    /// Counters that go on over restarts, by name.
    #[schema(value_type = Object)]
    counters: u64,
}
