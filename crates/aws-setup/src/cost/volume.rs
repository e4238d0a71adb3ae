//! How many events there are in a month.

use super::figures::Figures;
use crate::options::Recorder;
use crate::plan::Plan;

/// Quantities of a month.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Volume {
    /// Accounts times regions.
    pub(crate) places: f64,
    /// Events that members send to hubs.
    pub(crate) events: f64,
    /// Those of them that cross regions.
    pub(crate) abroad: f64,
    /// AWS Config items.
    pub(crate) items: f64,
    forwards_items: bool,
    heartbeat_minutes: u64,
}

/// Minutes of a day.
const MINUTES: f64 = 1440.0;

impl Volume {
    pub(crate) fn of(plan: &Plan<'_>, figures: &Figures, places: f64) -> Self {
        let of = |id| figures.assumed(id);
        let days = of("days");
        let moved = of("deployments") * of("instances");
        let events =
            moved * of("events-per-instance") + of("deployments") * of("writes-per-deployment") + of("other-writes");
        let items = moved * of("items-per-instance") + of("other-changes") * of("items-per-change");
        let forwards_items = plan.options.recorder != Recorder::None;
        let heartbeats = MINUTES / plan.heartbeat_minutes as f64;
        let each = days * (events + heartbeats + if forwards_items { items } else { 0.0 });
        let far = plan.members.iter().filter(|place| plan.hub_of(place).place.region != place.region).count() as f64;
        let abroad = each * places * far / plan.members.len().max(1) as f64;
        let items = if forwards_items { days * items * places } else { 0.0 };
        Self { places, events: each * places, abroad, items, forwards_items, heartbeat_minutes: plan.heartbeat_minutes }
    }

    /// In words.
    pub(crate) fn formula(&self) -> String {
        let items = if self.forwards_items { " + items" } else { "" };
        format!(
            "places x days x (deployments x (instances x events-per-instance + writes-per-deployment) + other-writes{items} + 1,440 / {} heartbeats)",
            self.heartbeat_minutes
        )
    }

    /// In words.
    pub(crate) fn items_formula(&self) -> String {
        "places x days x (deployments x instances x items-per-instance + other-changes x items-per-change)".to_owned()
    }
}
