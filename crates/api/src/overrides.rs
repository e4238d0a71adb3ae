//! What an operator changes at run time, always with an end: overrides, the kill switch among them, and letting every agent go.

use std::time::Duration;

use aws_event_cache_model::{
    AccountId, Accounts, AnswerMode, Environment, KindId, Override, OverrideId, OverrideScope, Region, Setting,
    Timestamp,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::{self, Action, Asked};
use crate::body::{Body, Fields};
use crate::error::{ApiError, Invalid, cut, nearest};
use crate::order;
use crate::state::ApiState;

/// Longest life of an override. What is wanted for longer belongs into the configuration, where the next person finds it.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Most overrides at a time. Each is looked at in every cadence decision, and a person does not keep more in view. Kill switches have as much
/// room again, so that no crowd of overrides keeps one out.
const MOST: usize = 256;

/// Shortest and longest cadence: below ten seconds a poll would be asked for before the last one has ended; above a day a lost event would go unseen for longer.
const CADENCE: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(10), SignedDuration::from_hours(24));

/// An override: where, exactly one of `cadence`, `profile`, `budget`, `killSwitch` and `answer`, until when, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OverrideBody {
    /// A Spinnaker account or 12-digit AWS account id; all unless given. It applies to the AWS account.
    account: Option<String>,
    /// An AWS region; all unless given.
    region: Option<String>,
    /// A kind; all unless given.
    kind: Option<String>,
    /// Poll this often, whatever the cadence says: 10 s to 24 h.
    #[schema(example = "15m")]
    cadence: Option<String>,
    /// Use the profile of this environment.
    #[schema(example = "staging")]
    profile: Option<String>,
    /// Use this share of each throttle bucket: above 0, at most 1.
    budget: Option<f64>,
    /// Let every agent go and touch nothing. Only `true` makes sense.
    kill_switch: Option<bool>,
    /// Let the answer arm do no more than this: `pass` or `observe`. It may also name an account that Clouddriver does not serve, by its AWS id.
    #[schema(example = "pass")]
    answer: Option<String>,
    /// When it ends. This or `for` is needed; at most seven days ahead.
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// How long it lasts, instead of `expires`.
    #[schema(example = "2h")]
    r#for: Option<String>,
    /// Why; shown in the list.
    reason: Option<String>,
    /// Who asked for it. Recorded as hearsay.
    requested_by: Option<String>,
}

impl Fields for OverrideBody {
    const FIELDS: &'static [&'static str] = &[
        "account",
        "region",
        "kind",
        "cadence",
        "profile",
        "budget",
        "killSwitch",
        "answer",
        "expires",
        "for",
        "reason",
        "requestedBy",
    ];
}

/// The kill switch: where, until when, and why. Without a body: everywhere, for seven days.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KillSwitchBody {
    /// A Spinnaker account or 12-digit AWS account id; all unless given.
    account: Option<String>,
    /// An AWS region; all unless given.
    region: Option<String>,
    /// A kind; all unless given.
    kind: Option<String>,
    /// When it ends; at most seven days ahead, which is what is taken when neither this nor `for` is given.
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// How long it lasts, instead of `expires`.
    r#for: Option<String>,
    /// Why; shown in the list.
    reason: Option<String>,
    /// Who asked for it. Recorded as hearsay.
    requested_by: Option<String>,
}

impl Fields for KillSwitchBody {
    const FIELDS: &'static [&'static str] = &["account", "region", "kind", "expires", "for", "reason", "requestedBy"];
    const MAY_BE_MISSING: bool = true;
}

impl From<KillSwitchBody> for OverrideBody {
    fn from(body: KillSwitchBody) -> Self {
        let KillSwitchBody { account, region, kind, expires, r#for, reason, requested_by } = body;
        let r#for = if expires.is_none() { Some(r#for.unwrap_or_else(|| "168h".to_owned())) } else { r#for };
        let kill_switch = Some(true);
        Self { account, region, kind, expires, r#for, reason, requested_by, kill_switch, ..Self::default() }
    }
}

/// An override in force.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverrideView {
    /// Its id.
    id: String,
    /// The AWS account; null for all.
    account: Option<String>,
    /// The region; null for all.
    region: Option<String>,
    /// The kind; null for all.
    kind: Option<String>,
    /// Poll this often.
    #[serde(skip_serializing_if = "Option::is_none")]
    cadence: Option<String>,
    /// Use the profile of this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// Use this share of each throttle bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<f64>,
    /// Let every agent go and touch nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    kill_switch: Option<bool>,
    /// Let the answer arm do no more than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'static str>,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    expires: String,
    /// Who set it.
    set_by: String,
    /// When.
    #[schema(format = DateTime)]
    set: String,
    /// Why.
    reason: String,
}

/// Overrides.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverrideList {
    /// Those in force, or those removed.
    overrides: Vec<OverrideView>,
}

/// What was let go.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Released {
    /// Always true.
    released: bool,
}

impl From<Override> for OverrideView {
    fn from(of: Override) -> Self {
        let (mut cadence, mut profile, mut budget, mut kill_switch, mut answer) = (None, None, None, None, None);
        match &of.setting {
            Setting::Cadence(every) => cadence = Some(in_words(*every)),
            Setting::Profile(environment) => profile = Some(environment.to_string()),
            Setting::Budget(share) => budget = Some(*share),
            Setting::KillSwitch => kill_switch = Some(true),
            Setting::Answer(mode) => answer = Some(mode.as_str()),
        }
        Self {
            id: of.id.0.to_string(),
            account: of.scope.account.map(|id| id.to_string()),
            region: of.scope.region.map(|region| region.to_string()),
            kind: of.scope.kind.map(|kind| kind.to_string()),
            cadence,
            profile,
            budget,
            kill_switch,
            answer,
            expires: of.expires.to_string(),
            set_by: of.set_by,
            set: of.set.to_string(),
            reason: of.reason,
        }
    }
}

fn in_words(length: Duration) -> String {
    SignedDuration::try_from(length).map_or_else(|_| format!("{}s", length.as_secs()), |length| format!("{length:#}"))
}

/// The override that a body means. Pure.
fn checked(
    body: &OverrideBody,
    state: &ApiState,
    now: Timestamp,
) -> Result<(OverrideScope, Setting, Timestamp), Invalid> {
    let (scope, setting) = (scope(body, state)?, setting(body, &state.environments())?);
    if let (Setting::Budget(_), Some(kind)) = (&setting, &scope.kind) {
        let why = "kinds share AWS's throttle buckets, so a budget is for an account and region";
        return Err(Invalid::new("kind", why).value(kind.as_str()));
    }
    Ok((scope, setting, expiry(body, now)?))
}

fn scope(body: &OverrideBody, state: &ApiState) -> Result<OverrideScope, Invalid> {
    let accounts = state.accounts();
    let words = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
    if body.answer.is_some() {
        let kind = first(order::kinds(&words(&body.kind), state.catalog())?);
        return Ok(OverrideScope { kind, ..answered_place(body, &accounts)? });
    }
    let chosen = order::chosen_accounts(&words(&body.account), &accounts)?;
    let regions = order::regions(&words(&body.region), chosen.as_deref(), &accounts)?;
    let kinds = order::kinds(&words(&body.kind), state.catalog())?;
    let account = chosen.and_then(|chosen| chosen.first().map(|account| account.account.clone()));
    Ok(OverrideScope { account, region: first::<Region>(regions), kind: first::<KindId>(kinds) })
}

/// Where an override of the answer arm applies. Its clients' accounts and regions need not be Clouddriver's, so that both may be named although nobody knows them.
fn answered_place(body: &OverrideBody, accounts: &Accounts) -> Result<OverrideScope, Invalid> {
    let word = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
    let account = word(&body.account);
    let account = match order::some("account", &account)?.as_deref() {
        Some([id]) if AccountId::new(*id).is_ok() => AccountId::new(*id).ok(),
        Some(_) => order::chosen_accounts(&account, accounts)?.and_then(|c| c.first().map(|a| a.account.clone())),
        None => None,
    };
    let region = word(&body.region);
    let region = order::some("region", &region)?.and_then(|words| words.first().copied());
    let parse = |word: &str| {
        let form = || Invalid::new("region", "write an AWS region such as eu-west-1; leave it out for all").value(word);
        Region::new(word.to_ascii_lowercase()).map_err(|_| form())
    };
    Ok(OverrideScope { account, region: region.map(parse).transpose()?, kind: None })
}

fn first<T>(items: Option<Vec<T>>) -> Option<T> {
    items.and_then(|items| items.into_iter().next())
}

fn setting(body: &OverrideBody, environments: &[Environment]) -> Result<Setting, Invalid> {
    match (&body.cadence, &body.profile, body.budget, body.kill_switch, &body.answer) {
        (Some(text), None, None, None, None) => cadence(text),
        (None, Some(name), None, None, None) => profile(name, environments),
        (None, None, Some(share), None, None) if share > 0.0 && share <= 1.0 => Ok(Setting::Budget(share)),
        (None, None, None, None, Some(mode)) => answer(mode),
        (None, None, Some(share), None, None) => {
            Err(Invalid::new("budget", "the share must be above 0 and at most 1").value(&share.to_string()))
        }
        (None, None, None, Some(true), None) => Ok(Setting::KillSwitch),
        (None, None, None, Some(false), None) => {
            Err(Invalid::new("killSwitch", "only true sets it; to end it, DELETE /v1/kill-switch").value("false"))
        }
        _ => Err(Invalid::new("cadence", "exactly one of cadence, profile, budget, killSwitch and answer is needed")),
    }
}

fn answer(word: &str) -> Result<Setting, Invalid> {
    let modes = [AnswerMode::Pass, AnswerMode::Observe];
    let why = match word.trim() {
        "serve" => "an override can only hold the answer arm back, with pass or observe; answer.mode lets it serve",
        _ => "the answer arm can be held back with pass or observe",
    };
    modes
        .into_iter()
        .find(|mode| mode.as_str() == word.trim())
        .map(Setting::Answer)
        .ok_or_else(|| Invalid::new("answer", why).value(word).nearest(nearest(word, modes.map(AnswerMode::as_str))))
}

fn cadence(text: &str) -> Result<Setting, Invalid> {
    let every = length("cadence", text)?;
    if every < CADENCE.0 || every > CADENCE.1 {
        return Err(Invalid::new("cadence", "the cadence must be 10s to 24h").value(text));
    }
    Ok(Setting::Cadence(every.unsigned_abs()))
}

fn profile(name: &str, environments: &[Environment]) -> Result<Setting, Invalid> {
    environments.iter().find(|environment| environment.as_str() == name).cloned().map(Setting::Profile).ok_or_else(
        || {
            Invalid::new("profile", "no environment of this name has a profile")
                .value(name)
                .nearest(nearest(name, environments.iter().map(Environment::as_str)))
        },
    )
}

fn length(field: &str, text: &str) -> Result<SignedDuration, Invalid> {
    text.trim()
        .parse()
        .map_err(|_| Invalid::new(field, "write a length of time such as 90s, 15m or 2h 30m").value(text))
}

fn expiry(body: &OverrideBody, now: Timestamp) -> Result<Timestamp, Invalid> {
    let (field, text, expires) = match (&body.expires, &body.r#for) {
        (Some(text), None) => {
            let form = || Invalid::new("expires", "write a time such as 2026-01-31T18:00:00Z").value(text);
            ("expires", text, text.trim().parse::<Timestamp>().map_err(|_| form())?)
        }
        (None, Some(text)) => ("for", text, now.saturating_add(length("for", text)?).unwrap_or(Timestamp::MAX)),
        (Some(_), Some(_)) => return Err(Invalid::new("for", "give expires or for, not both")),
        (None, None) => return Err(Invalid::new("expires", "an override needs an end: give expires or for")),
    };
    let ahead = expires.duration_since(now);
    if ahead <= SignedDuration::ZERO || ahead > LONGEST {
        return Err(Invalid::new(field, "the end must be ahead, by at most seven days").value(text));
    }
    Ok(expires)
}

async fn put(state: &ApiState, asked: &Asked, body: OverrideBody) -> Result<Override, ApiError> {
    let now = state.now();
    let (scope, setting, expires) = checked(&body, state, now)?;
    let is_switch = matches!(setting, Setting::KillSwitch | Setting::Answer(AnswerMode::Pass));
    let most = if is_switch { 2 * MOST } else { MOST };
    if state.control().overrides().len() >= most {
        return Err(ApiError::NothingMatches(format!("there are {most} overrides already; remove some first")));
    }
    let user = body.requested_by.as_deref();
    let new = Override {
        id: OverrideId(uuid::Uuid::new_v4().simple().to_string().into()),
        scope,
        setting,
        expires,
        set_by: asked.by(user),
        set: now,
        reason: cut(body.reason.as_deref().unwrap_or_default().trim()),
    };
    audit::note(state, asked, user, Action::Override, described(&new)).await;
    state.control().set_override(new.clone()).await?;
    Ok(new)
}

fn described(of: &Override) -> String {
    let setting = match &of.setting {
        Setting::Cadence(every) => format!("cadence {}", in_words(*every)),
        Setting::Profile(environment) => format!("profile {environment}"),
        Setting::Budget(share) => format!("budget {share}"),
        Setting::KillSwitch => "kill switch".to_owned(),
        Setting::Answer(mode) => format!("answer {}", mode.as_str()),
    };
    let account = of.scope.account.as_ref().map_or("all", AccountId::as_str);
    let region = of.scope.region.as_ref().map_or("all", Region::as_str);
    let kind = of.scope.kind.as_ref().map_or("all", KindId::as_str);
    format!(
        "{} {setting} for account {account}, region {region}, kind {kind} until {}: {}",
        of.id.0, of.expires, of.reason
    )
}

/// Overrides
///
/// Those in force.
#[utoipa::path(get, path = "/v1/overrides", operation_id = "listOverrides", tag = "overrides", responses((status = 200, description = "Those in force", body = OverrideList)))]
pub(crate) async fn list(State(state): State<ApiState>) -> Json<OverrideList> {
    Json(OverrideList { overrides: state.control().overrides().into_iter().map(OverrideView::from).collect() })
}

/// Set an override
///
/// Every override ends by itself, after seven days at most.
#[utoipa::path(post, path = "/v1/overrides", operation_id = "setOverride", tag = "overrides", request_body = OverrideBody, responses(
    (status = 201, description = "In force, and durable", body = OverrideView),
))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    asked: Asked,
    Body(body): Body<OverrideBody>,
) -> Result<Response, ApiError> {
    let new = put(&state, &asked, body).await?;
    Ok((StatusCode::CREATED, Json(OverrideView::from(new))).into_response())
}

/// Take an override back
#[utoipa::path(delete, path = "/v1/overrides/{id}", operation_id = "removeOverride", tag = "overrides", params(("id" = String, Path, description = "The override's id")), responses(
    (status = 200, description = "What was removed", body = OverrideView),
))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Json<OverrideView>, ApiError> {
    let missing = || ApiError::NotFound("there is no such override; it may have ended".to_owned());
    let found = state.control().overrides().into_iter().find(|of| of.id.0 == id).ok_or_else(missing)?;
    take_back(&state, &asked, &found).await?;
    Ok(Json(found.into()))
}

async fn take_back(state: &ApiState, asked: &Asked, of: &Override) -> Result<(), ApiError> {
    audit::note(state, asked, None, Action::OverrideRemoved, described(of)).await;
    // That it ended in between is as good as removing it.
    let _ended_before = !state.control().remove_override(&of.id).await?;
    Ok(())
}

/// Set the kill switch
///
/// Lets every agent go at once and touches nothing until it ends or is removed: Clouddriver polls as stock. Without a body: everywhere, for seven days.
#[utoipa::path(post, path = "/v1/kill-switch", operation_id = "setKillSwitch", tag = "overrides", request_body = Option<KillSwitchBody>, responses(
    (status = 201, description = "In force, and the agents are let go", body = OverrideView),
))]
pub(crate) async fn kill(
    State(state): State<ApiState>,
    asked: Asked,
    Body(body): Body<KillSwitchBody>,
) -> Result<Response, ApiError> {
    let new = put(&state, &asked, body.into()).await?;
    Ok((StatusCode::CREATED, Json(OverrideView::from(new))).into_response())
}

/// Remove every kill switch
#[utoipa::path(delete, path = "/v1/kill-switch", operation_id = "removeKillSwitches", tag = "overrides", responses(
    (status = 200, description = "What was removed; empty when none was set", body = OverrideList),
))]
pub(crate) async fn revive(State(state): State<ApiState>, asked: Asked) -> Result<Json<OverrideList>, ApiError> {
    let all = state.control().overrides();
    let switches: Vec<Override> = all.into_iter().filter(|of| of.setting == Setting::KillSwitch).collect();
    for of in &switches {
        take_back(&state, &asked, of).await?;
    }
    Ok(Json(OverrideList { overrides: switches.into_iter().map(OverrideView::from).collect() }))
}

/// Let every agent go
///
/// Every agent that waits because of us may poll at once. Holds come back with the next cadence decision; to keep them away, set the kill switch.
#[utoipa::path(post, path = "/v1/release", operation_id = "release", tag = "overrides", responses((status = 200, description = "All are let go", body = Released)))]
pub(crate) async fn release(State(state): State<ApiState>, asked: Asked) -> Result<Json<Released>, ApiError> {
    audit::note(&state, &asked, None, Action::Release, "every agent".to_owned()).await;
    state.control().release_all().await?;
    Ok(Json(Released { released: true }))
}
