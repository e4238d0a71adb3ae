//! Taking hints in.

use aws_event_cache_model::telemetry::{Metric, count, observe};
use aws_event_cache_model::{
    Class, DriveMode, EventRecord, Hint, Names, Place, Region, ServiceName, Timestamp, Verdict, Wanted, What,
};

use super::{Changes, Core, EVENTS_WAITING};
use crate::plan::{Effect, Plan};
use crate::queue::{Debounce, Want};
use crate::stream::{Sign, StreamHealth};

impl Core {
    /// Puts a plan into force.
    pub(crate) fn accept(&mut self, hint: Hint, plan: Plan, now: Timestamp, changes: &mut Changes) {
        self.count_hint(&hint, &plan.verdict);
        let served = plan.verdict != Verdict::NotServed;
        for (scope, names) in &plan.invalidations {
            // Of places that are not ours only what somebody reads there counts: a feed may tell of a thousand accounts.
            if served || self.ledger.knows(scope) {
                self.ledger.invalidate(scope, names, now);
            }
        }
        if plan.heats {
            plan.invalidations.into_iter().for_each(|(scope, _)| self.heat.note(scope, now));
        }
        plan.effects.into_iter().for_each(|effect| self.effect(effect, now));
        if self.mode != DriveMode::Off {
            for wanted in plan.wanted {
                self.want(wanted, &plan.looks, plan.debounce, now, changes);
            }
        }
        if self.events.len() >= EVENTS_WAITING {
            self.events.pop_front();
        }
        self.events.push_back(EventRecord { hint, verdict: plan.verdict });
    }

    /// Asks for a run, unless one that started late enough has ended; the second looks are noted in either case.
    pub(super) fn want(
        &mut self,
        wanted: Wanted,
        looks: &[Timestamp],
        debounce: Debounce,
        now: Timestamp,
        changes: &mut Changes,
    ) {
        let Wanted { agent, class, not_before, since, resources, cause } = wanted;
        let seen = self.book.get(&agent.name).and_then(|known| known.started);
        for look in looks.iter().filter(|look| seen.is_none_or(|seen| seen < **look)) {
            self.settle.add(&agent.name, *look, &resources, &cause);
        }
        self.counters.wanted += 1;
        if seen.is_some_and(|seen| seen >= since) {
            self.counters.already_fresh += 1;
            return;
        }
        if since > now && self.queue.counts_now(&agent.name, now) {
            // The run that is wanted now must not wait until it would count for this, too: this is a second look.
            self.settle.add(&agent.name, since, &resources, &cause);
            return;
        }
        if since <= now
            && let Some((since, resources, cause)) = self.queue.take_later(&agent.name, now)
        {
            self.settle.add(&agent.name, since, &resources, &cause);
        }
        count(Metric::QueueAdds, &[("class", class.as_str())]);
        let (commit, record) = self.debts.owe(&agent.name, class, &resources, &cause);
        changes.records.extend(record);
        if let Some(commit) = commit.filter(|commit| !changes.waits.contains(commit)) {
            changes.waits.push(commit);
        }
        let debounce = (class == Class::Event).then_some(debounce);
        let want = Want { class, not_before, debounce, spacing: agent.interval, since, resources, cause };
        self.queue.add(agent.name.clone(), want, now);
    }

    fn effect(&mut self, effect: Effect, now: Timestamp) {
        match effect {
            Effect::Stream(place, sign) => self.hear(&place, sign, now),
            Effect::BudgetCut(place, service) => {
                self.counters.throttles += 1;
                // Agents that exist once per account draw on the place without a region.
                self.limiter.throttled(&global(&place), &service, now);
                self.limiter.throttled(&place, &service, now);
                self.holds_due = true;
            }
            Effect::BudgetRestored(place, service) => {
                self.restore(&place, service.as_ref(), now);
            }
            Effect::AccessDoubted(account) => {
                self.ledger.revoke(&account);
                self.retry_put_off(|place| place.account == account, now);
            }
        }
    }

    fn hear(&mut self, place: &Place, sign: Sign, now: Timestamp) {
        if let Sign::Heartbeat(Some(late)) = sign {
            observe(Metric::HeartbeatLateness, late, &[]);
        }
        let view = self.view.clone();
        let profile = view.profiles.of_account(&view.accounts, &place.account);
        // What an account has without a region may be heard of through this place.
        let concerned = [place.clone(), global(place)];
        let health = |core: &Self| concerned.each_ref().map(|of| core.streams.health(of, profile, now));
        let before = health(self);
        self.streams.hear(place, sign, profile, now);
        for ((place, before), after) in concerned.iter().zip(before).zip(health(self)) {
            self.ages_due |= before != after;
            if before != StreamHealth::Healthy && after == StreamHealth::Healthy {
                // What was read before this may lack a change that was lost, and its age is about to rise.
                self.ledger.invalidate_place(place, now);
            }
        }
        self.holds_due |= sign == Sign::Stopped;
    }

    fn restore(&mut self, place: &Place, service: Option<&ServiceName>, now: Timestamp) {
        self.limiter.restored(place, service);
        self.limiter.restored(&global(place), service);
        self.retry_put_off(|of| of == place || *of == global(place), now);
        self.holds_due = true;
    }

    /// Lets what waits after a failure, or for want of budget, go now.
    fn retry_put_off(&mut self, concerned: impl Fn(&Place) -> bool, now: Timestamp) {
        let agents = self.book.iter().filter(|known| concerned(&known.agent.place)).map(|known| &known.agent.name);
        let put_off: Vec<_> = agents.filter(|name| self.queue.put_off_until(name, now).is_some()).cloned().collect();
        put_off.iter().for_each(|name| self.queue.hasten(name, now));
    }

    fn count_hint(&mut self, hint: &Hint, verdict: &Verdict) {
        self.counters.hints += 1;
        match verdict {
            Verdict::NotServed => {
                self.counters.hints_not_served += 1;
                count(Metric::HintsNotServed, &[]);
            }
            Verdict::Unknown => self.counters.hints_unknown += 1,
            Verdict::Planned(_) | Verdict::NothingToDo => {}
        }
        count(Metric::HintsAccepted, &[("says", word(&hint.what))]);
        if let What::Throttled { .. } = hint.what {
            count(Metric::ThrottlesSeen, &[]);
        }
    }
}

/// The place of what an account has without a region.
fn global(place: &Place) -> Place {
    Place::new(place.account.clone(), Region::new("global").expect("invariant: global is a region"))
}

/// What a hint says, as a label.
fn word(what: &What) -> &'static str {
    match what {
        What::Changed { names: Names::Any, .. } => "changed-any",
        What::Changed { .. } => "changed",
        What::AccessChanged { .. } => "access-changed",
        What::Throttled { .. } => "throttled",
        What::QuotaRaised { .. } => "quota-raised",
        What::Heartbeat => "heartbeat",
        What::SignOfLife => "sign-of-life",
        What::StreamStopped => "stream-stopped",
    }
}
