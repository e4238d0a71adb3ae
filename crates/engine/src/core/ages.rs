//! How old answers may get, and what reading them again shows.

use std::time::Duration;

use aws_event_cache_catalog::{Coverage, Kind};
use aws_event_cache_model::telemetry::{Metric, count_kind};
use aws_event_cache_model::{Evidence, Names, Scope, Timestamp};

use super::{Core, View, kind_ceiling};
use crate::ledger::STOCK_AGE;
use crate::plan::is_served;
use crate::stream::StreamHealth;
use crate::trust::Bounds;

impl Core {
    /// How old an answer about a scope may get now.
    ///
    /// The drive arm's mode does not count: whether agents are held or not, events say what changed. A kill switch does.
    pub(crate) fn max_age(&self, scope: &Scope, now: Timestamp) -> Duration {
        let Some(kind) = served(&self.view, scope) else { return STOCK_AGE };
        let bounds = self.bounds(scope, kind);
        if self.overrides.killed_kind(&scope.place, &kind.id) {
            return bounds.stock;
        }
        self.trust.of(scope).age(self.cadence_of(&scope.place, kind, scope, now), bounds)
    }

    /// Takes what reading again showed.
    pub(crate) fn evidence(&mut self, scope: &Scope, evidence: Evidence, now: Timestamp) {
        let view = self.view.clone();
        let Some(kind) = served(&view, scope) else { return };
        let stream = self.streams.health(&scope.place, self.profile_of(&scope.place, &kind.id), now);
        // Where no event was to be expected none was missed, and ages are short for that reason already.
        if kind.coverage == Coverage::None || stream != StreamHealth::Healthy {
            return;
        }
        if evidence == Evidence::Differs {
            self.counters.uncovered_changes += 1;
            count_kind(Metric::UncoveredChanges, &kind.id);
            self.holds_due = true;
        }
        let bounds = self.bounds(scope, kind);
        if self.trust.note(scope, evidence, bounds, now) {
            self.ledger.scope(scope).set_max_age(self.max_age(scope, now));
        }
    }

    /// Of a place that was not served before no change was heard: what was read until now is not to get older than it could.
    pub(super) fn doubt_newly_served(&self, before: &View, now: Timestamp) {
        for (scope, _) in self.ledger.scopes() {
            if served(before, &scope).is_none() && served(&self.view, &scope).is_some() {
                self.ledger.invalidate(&scope, &Names::Any, now);
            }
        }
    }

    fn bounds(&self, scope: &Scope, kind: &Kind) -> Bounds {
        let profile = self.profile_of(&scope.place, &kind.id);
        let most = kind_ceiling(profile, kind);
        let agents = self.view.roster.reading(&scope.place, &kind.id).iter();
        Bounds {
            stock: agents.map(|agent| agent.interval).min().unwrap_or(self.stock.interval),
            ceiling: profile.ceiling.min(most),
            most,
            covered: kind.coverage == Coverage::Full,
        }
    }
}

/// The kind, when the scope's account and region are served.
fn served<'a>(view: &'a View, scope: &Scope) -> Option<&'a Kind> {
    let served = view.accounts.serves(&scope.place.account) && is_served(&scope.place, &view.accounts);
    view.catalog.kind(&scope.kind).filter(|_| served)
}
