//! `environment` and `environments`: profiles.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_model::{Environment, KindId, Profile};

use crate::duration::show;
use crate::mistake::{cut, nearest};
use crate::profiles::{self, Shipped};
use crate::schema::{Default, Effect::Reload, Form, Key};
use crate::section::Section;

/// Longest ceiling allowed: a day. Beyond it the safety net is none.
const DAY: f64 = 86_400.0;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "environment",
        form: Form::Text("the name of an environment"),
        default: Default::Is("production"),
        what: "The environment of every account for which nothing else says one.",
        when: "Most of your accounts are not production.",
        effect: Reload,
    },
    Key {
        path: "environments",
        form: Form::Named("environment"),
        default: Default::None("the shipped profiles hold"),
        what: "Profiles: how fresh, how cautious and how thrifty each environment wants to be. `production`, `staging` and `development` are shipped; give only what differs.",
        when: "An environment needs other numbers, or you have further environments.",
        effect: Reload,
    },
    Key {
        path: "environments.*",
        form: Form::Section,
        default: Default::None("the shipped profile"),
        what: "One environment's profile.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "environments.*.like",
        form: Form::Words(profiles::SHIPPED_NAMES),
        default: Default::None("a shipped environment is like itself, any other like `production`"),
        what: "The shipped profile whose numbers hold where this one says nothing.",
        when: "You add an environment of your own that is not as strict as production.",
        effect: Reload,
    },
    Key {
        path: "environments.*.cadence",
        form: Form::Section,
        default: Default::OfProfile,
        what: "How often agents poll while events tell of changes.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "environments.*.cadence.floor",
        form: Form::Duration { least: 5.0, most: 3_600.0 },
        default: Default::OfProfile,
        what: "No agent is made to poll more often than this by cadence. Events and operators are not bound by it.",
        when: "Clouddriver's own interval is shorter or longer than 30s.",
        effect: Reload,
    },
    Key {
        path: "environments.*.cadence.ceiling",
        form: Form::Duration { least: 10.0, most: DAY },
        default: Default::OfProfile,
        what: "Longest time between two polls while the event stream is healthy: the age that a change can reach whose event was lost.",
        when: "Longer saves AWS calls, shorter catches lost events sooner.",
        effect: Reload,
    },
    Key {
        path: "environments.*.cadence.hotFor",
        form: Form::Duration { least: 0.0, most: 3_600.0 },
        default: Default::OfProfile,
        what: "How long after a change its scope is watched more closely.",
        when: "Your deployments take longer than this from their first change to their last.",
        effect: Reload,
    },
    Key {
        path: "environments.*.cadence.hotCeiling",
        form: Form::Duration { least: 5.0, most: 3_600.0 },
        default: Default::OfProfile,
        what: "Longest time between two polls of such a scope, for kinds that events cover only partly or not at all.",
        when: "Deployments wait for states that AWS does not announce, such as target health.",
        effect: Reload,
    },
    Key {
        path: "environments.*.debounce",
        form: Form::Section,
        default: Default::OfProfile,
        what: "How long an event waits for company, so that a burst costs one run.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "environments.*.debounce.idle",
        form: Form::Duration { least: 0.0, most: 60.0 },
        default: Default::OfProfile,
        what: "A refresh starts when nothing more has come for this long.",
        when: "Your changes come in slower bursts.",
        effect: Reload,
    },
    Key {
        path: "environments.*.debounce.max",
        form: Form::Duration { least: 0.0, most: 300.0 },
        default: Default::OfProfile,
        what: "However much comes, a refresh waits no longer than this.",
        when: "You prefer fewer runs to sooner ones, or the reverse.",
        effect: Reload,
    },
    Key {
        path: "environments.*.budget",
        form: Form::Section,
        default: Default::OfProfile,
        what: "How much of AWS's rate limits refreshes may use.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "environments.*.budget.share",
        form: Form::Number { least: 0.01, most: 1.0 },
        default: Default::OfProfile,
        what: "Share of each AWS throttle bucket that refreshes may use; the rest is left to deployments and other programs.",
        when: "Other programs need more of the account's limits, or nobody else uses them.",
        effect: Reload,
    },
    Key {
        path: "environments.*.budget.operatorShare",
        form: Form::Number { least: 0.0, most: 0.9 },
        default: Default::OfProfile,
        what: "Share of that budget which only refreshes asked for by people and pipelines may use.",
        when: "Manual refreshes are to go through even in the worst storm, or are never used.",
        effect: Reload,
    },
    Key {
        path: "environments.*.heartbeat",
        form: Form::Section,
        default: Default::OfProfile,
        what: "When an event stream counts as lost, so that its account and region is polled as if we were not there.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "environments.*.heartbeat.silentAfter",
        form: Form::Duration { least: 30.0, most: DAY },
        default: Default::OfProfile,
        what: "After this long without any message.",
        when: "Your heartbeat rule fires less often than every minute.",
        effect: Reload,
    },
    Key {
        path: "environments.*.heartbeat.lateAfter",
        form: Form::Duration { least: 5.0, most: 3_600.0 },
        default: Default::OfProfile,
        what: "When heartbeats arrive later than this after their own time.",
        when: "Your feed is slow by design.",
        effect: Reload,
    },
    Key {
        path: "environments.*.throttleStretch",
        form: Form::Number { least: 1.0, most: 100.0 },
        default: Default::OfProfile,
        what: "How many times longer than usual polls may be put off while AWS throttles the account.",
        when: "Throttling must end sooner (more), or freshness matters more (less; 1 never stretches).",
        effect: Reload,
    },
    Key {
        path: "environments.*.unwatched",
        form: Form::Values("kinds, as `aws-event-cache kinds` lists them"),
        default: Default::OfProfile,
        what: "Kinds that are not refreshed on events and whose agents are left to Clouddriver's own polling.",
        when: "A kind does not matter to you, or you want to begin with a few.",
        effect: Reload,
    },
    Key {
        path: "environments.*.kinds",
        form: Form::Named("kind"),
        default: Default::OfProfile,
        what: "Numbers of single kinds.",
        when: "A kind must be fresher than the rest, or may be older.",
        effect: Reload,
    },
    Key {
        path: "environments.*.kinds.*",
        form: Form::Section,
        default: Default::None("the profile's numbers"),
        what: "One kind's numbers.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "environments.*.kinds.*.ceiling",
        form: Form::Duration { least: 10.0, most: DAY },
        default: Default::None("the kind's own in the catalogue"),
        what: "Longest time between two polls of this kind, in place of the one in the catalogue. `cadence.ceiling` still holds.",
        when: "A kind must be fresher than the rest, or may be older.",
        effect: Reload,
    },
];

/// Profiles, and the environment of accounts for which nothing says one.
pub(crate) struct Environments {
    pub(crate) profiles: BTreeMap<Environment, Profile>,
    pub(crate) fallback: Option<Environment>,
}

/// Reads all environments.
pub(crate) fn read(root: &Section<'_>) -> Environments {
    let mut profiles = profiles::shipped();
    for (name, place, section) in root.named("environments") {
        match Environment::new(name) {
            Ok(environment) => {
                let profile = read_profile(&section, &environment);
                profiles.insert(environment, profile);
            }
            Err(_) => {
                let mistake = section
                    .about("", format!("{} cannot name an environment: 1 to 64 letters, digits, - or _", cut(name)));
                root.reading().mistake(crate::mistake::Mistake {
                    line: Some(place.line),
                    column: Some(place.column),
                    ..mistake
                });
            }
        }
    }
    let fallback = known(root, "environment", root.value::<Environment>("environment"), &profiles);
    Environments { profiles, fallback }
}

/// An environment that has a profile; else a mistake is noted.
pub(crate) fn known(
    section: &Section<'_>,
    key: &str,
    environment: Option<Environment>,
    profiles: &BTreeMap<Environment, Profile>,
) -> Option<Environment> {
    let environment = environment?;
    if profiles.contains_key(&environment) {
        return Some(environment);
    }
    let near = nearest(environment.as_str(), profiles.keys().map(Environment::as_str));
    let names = profiles.keys().map(Environment::as_str).collect::<Vec<_>>().join(", ");
    let mistake =
        section.about(key, format!("has no profile; there are {names}")).value(environment.as_str()).nearest(near);
    section.reading().mistake(mistake);
    None
}

fn read_profile(section: &Section<'_>, environment: &Environment) -> Profile {
    let base = section.given::<Shipped>("like").or_else(|| Shipped::named(environment.as_str()));
    let mut profile = base.unwrap_or(Shipped::Production).profile();
    let (cadence, debounce) = (section.section("cadence"), section.section("debounce"));
    let (budget, heartbeat) = (section.section("budget"), section.section("heartbeat"));
    take(&mut profile.floor, &cadence, "floor");
    take(&mut profile.ceiling, &cadence, "ceiling");
    take(&mut profile.hot_for, &cadence, "hotFor");
    take(&mut profile.hot_ceiling, &cadence, "hotCeiling");
    take(&mut profile.debounce_idle, &debounce, "idle");
    take(&mut profile.debounce_max, &debounce, "max");
    take(&mut profile.budget_share, &budget, "share");
    take(&mut profile.operator_share, &budget, "operatorShare");
    take(&mut profile.silent_after, &heartbeat, "silentAfter");
    take(&mut profile.late_after, &heartbeat, "lateAfter");
    take(&mut profile.throttle_stretch, section, "throttleStretch");
    if section.has("unwatched") {
        profile.unwatched = unwatched(section);
    }
    kind_ceilings(section, &mut profile);
    check(section, &profile);
    profile
}

fn take<T: crate::scalar::Scalar>(number: &mut T, section: &Section<'_>, key: &str) {
    if let Some(value) = section.given(key) {
        *number = value;
    }
}

fn unwatched(section: &Section<'_>) -> Vec<KindId> {
    let words = section.values::<String>("unwatched");
    words.into_iter().filter_map(|(word, place)| kind(section, &word, place, "unwatched")).collect()
}

fn kind(section: &Section<'_>, word: &str, place: Option<crate::tree::Place>, key: &str) -> Option<KindId> {
    match section.reading().kinds.find(word) {
        Ok(known) => Some(known.id.clone()),
        Err(near) => {
            let mut mistake = section.about(key, "is not a kind in the catalogue").value(word).nearest(near);
            if mistake.nearest.is_none() {
                mistake = mistake.help("`aws-event-cache kinds` lists them");
            }
            mistake.line = place.map(|p| p.line).or(mistake.line);
            mistake.column = place.map(|p| p.column).or(mistake.column);
            section.reading().mistake(mistake);
            None
        }
    }
}

fn kind_ceilings(section: &Section<'_>, profile: &mut Profile) {
    for (word, place, numbers) in section.named("kinds") {
        let Some(id) = kind(section, word, Some(place), "kinds") else { continue };
        let Some(ceiling) = numbers.given::<Duration>("ceiling") else { continue };
        if ceiling < profile.floor {
            numbers.wrong("ceiling", format!("{} is less than cadence.floor, {}", show(ceiling), show(profile.floor)));
        }
        if ceiling > profile.ceiling {
            let problem = format!("{} has no effect: cadence.ceiling is {}", show(ceiling), show(profile.ceiling));
            numbers.doubtful("ceiling", problem);
        }
        profile.kind_ceilings.insert(id, ceiling);
    }
}

/// Numbers that contradict each other. The mistake points to the one that the file gives.
fn check(section: &Section<'_>, profile: &Profile) {
    let ordered = |part: &str, low: (&str, Duration), high: (&str, Duration)| {
        let part = section.section(part);
        if low.1 > high.1 && (part.has(low.0) || part.has(high.0)) {
            let (at, problem) = if part.has(low.0) {
                (low.0, format!("{} is more than {}, {}", show(low.1), high.0, show(high.1)))
            } else {
                (high.0, format!("{} is less than {}, {}", show(high.1), low.0, show(low.1)))
            };
            part.wrong(at, problem);
        }
    };
    ordered("cadence", ("floor", profile.floor), ("ceiling", profile.ceiling));
    ordered("cadence", ("floor", profile.floor), ("hotCeiling", profile.hot_ceiling));
    ordered("cadence", ("hotCeiling", profile.hot_ceiling), ("ceiling", profile.ceiling));
    ordered("debounce", ("idle", profile.debounce_idle), ("max", profile.debounce_max));
    ordered("heartbeat", ("lateAfter", profile.late_after), ("silentAfter", profile.silent_after));
}
