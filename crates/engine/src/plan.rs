//! From hint to plan: what a hint makes stale, which agents are to run, and what else follows.
//!
//! A pure function. What it is given is what is known; nothing is looked up elsewhere, and the hint's words are never taken for the state of anything.
//!
//! | what the hint says | plan |
//! |---|---|
//! | resources changed | invalidate them and their scope's listings, and what the kind touches; run the agents that read either; look again after the settle window, and once more after the second window when something was made or deleted |
//! | only relations changed | the same, later and with less urgency |
//! | access changed | run the agents that read the kinds whose rules tell of access; if Clouddriver assumes the role (or may): doubt what was refused and cached for the account, and try again what failed |
//! | throttled | cut the service's budget in that place |
//! | quota raised | restore it, and run what was put off |
//! | heartbeat, sign of life, stopped | note it for the stream |
//! | a kind that the profile does not watch | invalidate, run nothing |
//! | an account or region that is not served | invalidate, run nothing: answers may be kept of what others read there |
//! | an unknown kind | nothing, counted |
//!
//! **Since when must a run have started?** A run that started a second after the change, by AWS's clock, covers it: AWS Config notifications come up to
//! fifteen minutes late, and what events led to meanwhile needs no second run. But a read within the settle window can return the old state. So the first run is
//! wanted from a second after the change, and a look from the end of the settle window; a hint that arrives after that window wants one run only, from its end.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Coverage, Kind, Roster};
use aws_event_cache_model::{
    AccountId, Accounts, Agent, Cause, Change, Class, Hint, KindId, Names, Place, Profile, ResourceName, Resources,
    Scope, ServiceName, Source, Timestamp, Verdict, Wanted, What,
};

use crate::moment::{after, between};
use crate::profiles::Profiles;
use crate::queue::Debounce;
use crate::stream::Sign;

#[cfg(test)]
mod tests;

/// AWS's clock, Clouddriver's and ours may differ by this much: a run that started less than this after a change is not taken to have seen it.
pub const CLOCK_SLACK: Duration = Duration::from_secs(1);

/// What a hint leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is stale.
    pub invalidations: Vec<(Scope, Names)>,
    /// Runs that are owed.
    pub wanted: Vec<Wanted>,
    /// When each of the wanted agents is to be looked at again, unless a run that started then or later was seen.
    pub looks: Vec<Timestamp>,
    /// How long the wanted runs wait for company.
    pub debounce: Debounce,
    /// Whether what is stale stays hot for a while.
    pub heats: bool,
    /// What else follows.
    pub effects: Vec<Effect>,
    /// In one word, for the list of events.
    pub verdict: Verdict,
}

/// What follows from a hint besides refreshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The event stream of a place gave a sign.
    Stream(Place, Sign),
    /// AWS throttles: less is to be asked of this service.
    BudgetCut(Place, ServiceName),
    /// AWS allows more again, of one service or of any.
    BudgetRestored(Place, Option<ServiceName>),
    /// Who may read what in this account may have changed: what was refused may be granted, and what is cached for its principals may be forbidden.
    AccessDoubted(AccountId),
}

/// What planning may know.
struct Knowledge<'a> {
    catalog: &'a Catalog,
    roster: &'a Roster,
    accounts: &'a Accounts,
    profile: &'a Profile,
    now: Timestamp,
}

/// Plans. See the module's table.
pub fn plan(
    hint: &Hint,
    catalog: &Catalog,
    roster: &Roster,
    accounts: &Accounts,
    profiles: &Profiles,
    now: Timestamp,
) -> Plan {
    let profile = profiles.of_account(accounts, &hint.place.account);
    let mut plan = Plan {
        invalidations: Vec::new(),
        wanted: Vec::new(),
        looks: Vec::new(),
        debounce: Debounce { idle: profile.debounce_idle, max: profile.debounce_max },
        heats: false,
        effects: Vec::new(),
        verdict: Verdict::NothingToDo,
    };
    if !accounts.serves(&hint.place.account) {
        plan.not_served(hint, catalog);
        return plan;
    }
    let known = Knowledge { catalog, roster, accounts, profile, now };
    plan.effects.extend(sign(hint).map(|sign| Effect::Stream(hint.place.clone(), sign)));
    match &hint.what {
        What::Changed { kind, names, change } => match catalog.kind(kind) {
            Some(kind) => plan.change(hint, kind, names, *change, &known),
            None => plan.verdict = Verdict::Unknown,
        },
        What::AccessChanged { role } => plan.access(hint, role.as_ref(), &known),
        What::Throttled { service } => plan.effects.push(Effect::BudgetCut(hint.place.clone(), service.clone())),
        What::QuotaRaised { service } => {
            plan.effects.push(Effect::BudgetRestored(hint.place.clone(), service.clone()));
        }
        What::Heartbeat | What::SignOfLife | What::StreamStopped => {}
    }
    if !plan.wanted.is_empty() {
        plan.verdict = Verdict::Planned(u32::try_from(plan.wanted.len()).unwrap_or(u32::MAX));
    }
    plan
}

/// What a message from AWS says about its stream, besides what it says. Operators, writes and recordings prove nothing.
fn sign(hint: &Hint) -> Option<Sign> {
    if !matches!(hint.origin.source, Source::Sns | Source::Sqs) {
        return None;
    }
    Some(match hint.what {
        What::Heartbeat => Sign::Heartbeat(hint.occurred.map(|sent| between(sent, hint.received))),
        What::StreamStopped => Sign::Stopped,
        _ => Sign::Life,
    })
}

/// When the change took place, as far as the hint says; a time in the future is a wrong clock.
fn changed_at(hint: &Hint) -> Timestamp {
    hint.occurred.filter(|at| *at <= hint.received).unwrap_or(hint.received)
}

impl Plan {
    fn change(&mut self, hint: &Hint, kind: &Kind, names: &Names, change: Change, known: &Knowledge<'_>) {
        let readers = known.roster.reading(&hint.place, &kind.id);
        if readers.is_empty() && !is_served(&hint.place, known.accounts) {
            self.not_served(hint, known.catalog);
            return;
        }
        // What no event tells, such as the health of new targets, changes most while its surroundings do, and that is when people wait for it.
        self.heats |= change != Change::Related || kind.coverage == Coverage::None;
        self.mark(hint, kind, names, known.catalog);
        if known.profile.unwatched.contains(&kind.id) {
            return;
        }
        let timing = Timing::of(hint, kind, change, known.now);
        self.looks.extend(&timing.looks);
        self.want(hint, readers, &resources_of(&kind.id, names), &timing);
        for touched in kind.touches.iter().filter(|id| !known.profile.unwatched.contains(id)) {
            self.want(hint, known.roster.reading(&hint.place, touched), &whole(touched), &timing);
        }
    }

    /// Nobody polls there for us, but answers may be kept of what others read there.
    fn not_served(&mut self, hint: &Hint, catalog: &Catalog) {
        self.verdict = Verdict::NotServed;
        match &hint.what {
            What::Changed { kind, names, .. } => {
                if let Some(kind) = catalog.kind(kind) {
                    self.mark(hint, kind, names, catalog);
                }
            }
            What::AccessChanged { .. } => {
                let doubted = Effect::AccessDoubted(hint.place.account.clone());
                if !self.effects.contains(&doubted) {
                    self.effects.push(doubted);
                }
            }
            _ => {}
        }
    }

    /// Notes what is stale. Answers may depend on a resource by another word than the one that messages name it by.
    fn mark(&mut self, hint: &Hint, kind: &Kind, names: &Names, catalog: &Catalog) {
        let marked = catalog.ledger_names(&kind.id, names);
        self.invalidations.push((kind.scope_at(&hint.place), marked));
        for touched in kind.touches.iter().filter_map(|id| catalog.kind(id)) {
            self.invalidations.push((touched.scope_at(&hint.place), Names::Any));
        }
    }

    fn access(&mut self, hint: &Hint, role: Option<&ResourceName>, known: &Knowledge<'_>) {
        let names = role.map_or(Names::Any, |role| Names::Some(vec![role.clone()]));
        for kind in known.catalog.kinds().filter(|kind| tells_of_access(kind)) {
            self.change(hint, kind, &names, Change::Updated, known);
        }
        // An account whose role is not known may assume this one; doubting it costs little.
        let assumed = |own: &ResourceName| role.is_none_or(|role| role == own);
        if known.accounts.of(&hint.place.account).any(|a| a.assume_role.as_ref().is_none_or(assumed)) {
            self.effects.push(Effect::AccessDoubted(hint.place.account.clone()));
        }
    }

    /// Adds agents; one that is wanted already gets more resources.
    fn want(&mut self, hint: &Hint, agents: &[Arc<Agent>], resources: &Resources, timing: &Timing) {
        for agent in agents {
            if let Some(wanted) = self.wanted.iter_mut().find(|wanted| Arc::ptr_eq(&wanted.agent, agent)) {
                wanted.resources.merge(resources.clone());
                continue;
            }
            self.wanted.push(Wanted {
                agent: agent.clone(),
                class: timing.class,
                not_before: timing.not_before,
                since: timing.since,
                resources: resources.clone(),
                cause: Cause::of(hint),
            });
        }
    }
}

/// When the runs that a change asks for are to take place.
struct Timing {
    class: Class,
    not_before: Timestamp,
    since: Timestamp,
    looks: Vec<Timestamp>,
}

impl Timing {
    fn of(hint: &Hint, kind: &Kind, change: Change, now: Timestamp) -> Self {
        let changed = changed_at(hint);
        let settled = after(changed, kind.settle);
        if change == Change::Related {
            return Self { class: Class::Settle, not_before: settled.max(now), since: settled, looks: Vec::new() };
        }
        let existence = matches!(change, Change::Created | Change::Deleted);
        let second = kind.second_look.filter(|_| existence).map(|window| after(changed, window));
        let seen = after(changed, CLOCK_SLACK).min(hint.received);
        Self {
            class: Class::Event,
            not_before: now,
            since: if settled <= now { settled } else { seen },
            looks: [Some(settled), second].into_iter().flatten().filter(|look| *look > now).collect(),
        }
    }
}

/// Whether events of this place are listened to.
pub(crate) fn is_served(place: &Place, accounts: &Accounts) -> bool {
    place.region.as_str() == "global" || accounts.of(&place.account).any(|a| a.regions.contains(&place.region))
}

fn tells_of_access(kind: &Kind) -> bool {
    kind.config.iter().any(|c| c.rule.access)
        || kind.events.iter().any(|e| e.rule.access)
        || kind.calls.iter().any(|c| c.rule.access)
        || kind.any_calls.iter().any(|c| c.rule.access)
}

fn resources_of(kind: &KindId, names: &Names) -> Resources {
    match names {
        Names::Any => whole(kind),
        Names::Some(names) => {
            let mut resources = Resources::default();
            names.iter().for_each(|name| resources.add(kind.clone(), name.clone()));
            resources
        }
    }
}

pub(crate) fn whole(kind: &KindId) -> Resources {
    let mut resources = Resources::default();
    resources.add_whole(kind.clone());
    resources
}
