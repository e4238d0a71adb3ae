//! What a configuration comes to: the numbers that hold for each account, region and kind.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_catalog::Coverage;
use aws_event_cache_model::{AccountId, Accounts, AnswerMode, DriveMode, Environment, KindId, Place, Profile, Region};
use serde::{Serialize, Serializer};

use crate::config::Config;
use crate::duration;
use crate::kinds::{KnownKind, KnownKinds};

/// Everything, by place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effective {
    /// What may be done to Clouddriver.
    pub mode: DriveMode,
    /// What the answer arm may do where nothing else is said, `pass`, `observe` or `serve`; `off`: there is none.
    pub answer: &'static str,
    /// Profiles that hold somewhere.
    pub profiles: BTreeMap<Environment, EffectiveProfile>,
    /// Every account and region.
    pub places: Vec<EffectivePlace>,
}

/// A profile's numbers that do not depend on the kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveProfile {
    /// How long a scope stays hot after a change.
    #[serde(serialize_with = "as_text")]
    pub hot_for: Duration,
    /// An event waits this long for company,
    #[serde(serialize_with = "as_text")]
    pub debounce_idle: Duration,
    /// and no longer than this.
    #[serde(serialize_with = "as_text")]
    pub debounce_max: Duration,
    /// Share of each throttle bucket that refreshes may use.
    pub budget_share: f64,
    /// Share of that for operators only.
    pub operator_share: f64,
    /// After this silence a place is polled as stock.
    #[serde(serialize_with = "as_text")]
    pub silent_after: Duration,
    /// With heartbeats later than this a place is polled as stock.
    #[serde(serialize_with = "as_text")]
    pub late_after: Duration,
    /// How much throttling stretches at most.
    pub throttle_stretch: f64,
}

/// One account and region.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectivePlace {
    /// The AWS account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// Spinnaker's names of the account.
    pub names: Vec<String>,
    /// Whose profile applies.
    pub environment: Environment,
    /// Every kind.
    pub kinds: Vec<EffectiveKind>,
}

/// One kind in one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveKind {
    /// Which.
    pub kind: KindId,
    /// Whether events refresh it; if not, its agents poll as stock and the numbers below do not matter.
    pub watched: bool,
    /// Never polled more often than this by cadence.
    #[serde(serialize_with = "as_text")]
    pub floor: Duration,
    /// Longest time between two polls while the stream is healthy.
    #[serde(serialize_with = "as_text")]
    pub ceiling: Duration,
    /// The same while the scope is hot; no shorter for kinds whose every change is announced.
    #[serde(serialize_with = "as_text")]
    pub hot_ceiling: Duration,
    /// What set the ceiling.
    pub ceiling_from: CeilingFrom,
    /// What the answer arm may do with its reads.
    pub answer: &'static str,
}

/// What set a ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CeilingFrom {
    /// `environments.<environment>.kinds.<kind>.ceiling`.
    ProfileOfKind,
    /// The kind's file in the catalogue: AWS announces too little of it for more.
    Catalogue,
    /// `environments.<environment>.cadence.ceiling`.
    Profile,
}

fn as_text<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration::show(*value))
}

impl Effective {
    /// Works it out for these accounts: those listed, or those that Clouddriver told of.
    pub fn of(config: &Config, kinds: &KnownKinds, accounts: &Accounts) -> Self {
        let places: Vec<EffectivePlace> =
            accounts.places().into_iter().map(|place| effective_place(config, kinds, accounts, place)).collect();
        let used = |name: &&Environment| places.iter().any(|place| place.environment == **name);
        let profiles =
            config.profiles.keys().filter(used).map(|name| (name.clone(), numbers(&config.profiles[name]))).collect();
        Self { mode: config.mode, answer: word(config.answer.mode), profiles, places }
    }
}

fn effective_place(config: &Config, kinds: &KnownKinds, accounts: &Accounts, place: Place) -> EffectivePlace {
    let environment = accounts.environment_of(&place.account).unwrap_or(&config.fallback);
    // An account that came from elsewhere may carry a name without a profile; the fallback's holds then.
    let (environment, profile) = config
        .profiles
        .get_key_value(environment)
        .or_else(|| config.profiles.get_key_value(&config.fallback))
        .expect("invariant: the fallback has a profile");
    let names = accounts.of(&place.account).filter(|a| a.regions.contains(&place.region)).map(|a| a.name.clone());
    let names: Vec<String> = names.collect();
    let answer = |kind: &KnownKind| word(config.answer.mode_of(&place.account, &names, &kind.id));
    EffectivePlace {
        environment: environment.clone(),
        kinds: kinds
            .0
            .iter()
            .map(|kind| EffectiveKind { answer: answer(kind), ..effective_kind(profile, kind) })
            .collect(),
        names,
        account: place.account,
        region: place.region,
    }
}

/// The same as the engine's cadence without throttling and overrides.
fn effective_kind(profile: &Profile, kind: &KnownKind) -> EffectiveKind {
    let (of_kind, from) = match profile.kind_ceilings.get(&kind.id) {
        Some(ceiling) => (*ceiling, CeilingFrom::ProfileOfKind),
        None => (kind.ceiling, CeilingFrom::Catalogue),
    };
    let own = kind.coverage == Coverage::None || of_kind < profile.ceiling;
    let (ceiling, ceiling_from) = if own { (of_kind, from) } else { (profile.ceiling, CeilingFrom::Profile) };
    let floor = profile.floor.max(kind.floor);
    EffectiveKind {
        kind: kind.id.clone(),
        watched: !profile.unwatched.contains(&kind.id),
        floor,
        ceiling,
        hot_ceiling: if kind.coverage == Coverage::Full {
            ceiling
        } else {
            profile.hot_ceiling.max(floor).min(ceiling)
        },
        ceiling_from,
        answer: word(None),
    }
}

fn word(mode: Option<AnswerMode>) -> &'static str {
    mode.map_or("off", AnswerMode::as_str)
}

fn numbers(profile: &Profile) -> EffectiveProfile {
    EffectiveProfile {
        hot_for: profile.hot_for,
        debounce_idle: profile.debounce_idle,
        debounce_max: profile.debounce_max,
        budget_share: profile.budget_share,
        operator_share: profile.operator_share,
        silent_after: profile.silent_after,
        late_after: profile.late_after,
        throttle_stretch: profile.throttle_stretch,
    }
}
