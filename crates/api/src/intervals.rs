//! What the bridge plugin in Clouddriver asks every few seconds: at which intervals it is to poll agents instead of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::AgentName;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::ApiState;

/// Where the API takes the intervals from. It must answer from memory.
#[derive(Clone)]
pub struct AgentIntervals {
    /// How long they are good for.
    pub valid_for: Duration,
    /// Those of the moment, each longer than the agent's own.
    pub hand_out: Arc<dyn Fn() -> BTreeMap<AgentName, Duration> + Send + Sync>,
}

impl fmt::Debug for AgentIntervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentIntervals")
    }
}

/// Intervals for a moment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IntervalList {
    /// How long they are good for. Whoever has no newer answer by then polls as stock.
    valid_for_seconds: u64,
    /// By the agent's type, exactly as Clouddriver names it. Agents that are not listed poll as stock.
    agents: BTreeMap<String, IntervalView>,
}

/// One agent's interval.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IntervalView {
    /// From the start of a run to the start of the next.
    interval_seconds: u64,
}

/// Intervals of agents
///
/// For the bridge plugin in Clouddriver: agents that are to be polled more seldom than stock. Empty unless `clouddriver.lockStore.plugin` is what agents are held by, and
/// while nothing may be held (kill switch, release, observing). Asking is recorded: it is how one sees that the plugin works.
#[utoipa::path(get, path = "/v1/agent-intervals", operation_id = "getAgentIntervals", tag = "service", responses((status = 200, description = "The intervals of the moment", body = IntervalList)))]
pub(crate) async fn show(State(state): State<ApiState>) -> Json<IntervalList> {
    let intervals = state.intervals();
    let view =
        |(agent, every): (AgentName, Duration)| (agent.to_string(), IntervalView { interval_seconds: every.as_secs() });
    let agents = (intervals.hand_out)().into_iter().map(view).collect();
    Json(IntervalList { valid_for_seconds: intervals.valid_for.as_secs(), agents })
}
