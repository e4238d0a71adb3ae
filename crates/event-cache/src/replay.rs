//! `replay`: recorded messages through the real decoder and planner, printing what would be done.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_clock::Clock;
use aws_event_cache_engine::plan::{Effect, Plan, plan};
use aws_event_cache_engine::profiles::Profiles;
use aws_event_cache_intake::decode::{Decoded, Standing};
use aws_event_cache_intake::decode_recorded;
use aws_event_cache_model::{
    AccountId, Accounts, Change, Environment, Hint, Names, Provider, Region, ResourceName, SpinnakerAccount,
    StockPolling, Timestamp, Verdict, What,
};
use serde_json::{Value, json};

use crate::cli::{ReplayArgs, exit};
use crate::output::{error, line, warn};
use crate::settings;

/// Longest recorded line: the longest message that SQS carries, with every character escaped.
const LINE_LIMIT: usize = 2 * 1024 * 1024;

/// What planning needs to know.
struct Knowledge {
    catalog: Catalog,
    /// `None`: every account found in the messages is served.
    accounts: Option<Accounts>,
    profiles: Profiles,
    stock: StockPolling,
}

pub(crate) fn run(args: &ReplayArgs) -> ExitCode {
    let known = match knowledge(args) {
        Ok(known) => known,
        Err(code) => return code,
    };
    match read(&args.file).and_then(|reader| replay(reader, args, &known)) {
        Ok(code) => code,
        Err(problem) => {
            warn(&format!("error: {} cannot be read: {problem}", args.file.display()));
            exit::bad_config()
        }
    }
}

fn knowledge(args: &ReplayArgs) -> Result<Knowledge, ExitCode> {
    let Some(file) = &args.config else {
        let (by_environment, fallback) = aws_event_cache_config::shipped_profiles();
        return Ok(Knowledge {
            catalog: Catalog::shipped(),
            accounts: None,
            profiles: Profiles { by_environment, fallback },
            stock: StockPolling::default(),
        });
    };
    let loaded = settings::load(file).inspect_err(|problem| error(problem)).map_err(|_| exit::bad_config())?;
    let accounts = settings::configured_accounts(&loaded.config);
    let accounts = accounts.inspect_err(|problem| error(problem)).map_err(|_| exit::bad_config())?;
    Ok(Knowledge {
        profiles: settings::profiles(&loaded.config),
        stock: settings::stock(&loaded.config),
        catalog: loaded.catalog,
        // Discovered accounts are not asked for: a dry run calls nobody.
        accounts: Some(Accounts::new(accounts)).filter(|accounts| !accounts.is_empty()),
    })
}

fn read(file: &Path) -> io::Result<Box<dyn BufRead>> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(file)?)))
}

fn replay(reader: Box<dyn BufRead>, args: &ReplayArgs, known: &Knowledge) -> io::Result<ExitCode> {
    let now = Clock::wall().now();
    let name = args.file.display().to_string();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (number, text) in reader.lines().enumerate() {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        if text.len() > LINE_LIMIT {
            warn(&format!("line {}: longer than {LINE_LIMIT} bytes, passed over", number + 1));
            *counts.entry("unknown").or_default() += 1;
            continue;
        }
        let decoded = decode_recorded(&text, &name, number + 1, &known.catalog, now);
        *counts.entry(judge(&decoded, number + 1, args, known, now)).or_default() += 1;
    }
    let of = |word| counts.get(word).copied().unwrap_or_default();
    let (planned, nothing, foreign, unknown) = (of("planned"), of("nothing"), of("not-served"), of("unknown"));
    warn(&format!(
        "{planned} would lead to refreshes, {nothing} to nothing, {foreign} are not served, {unknown} were not understood"
    ));
    Ok(if unknown == 0 { exit::OK } else { exit::failed() })
}

/// Prints what one message would lead to, and says in one word what that is.
fn judge(decoded: &Decoded, number: usize, args: &ReplayArgs, known: &Knowledge, now: Timestamp) -> &'static str {
    let accounts = known.accounts.clone().unwrap_or_else(|| found_accounts(&decoded.hints));
    let roster = known.catalog.roster(&accounts, &known.stock);
    let plans: Vec<Plan> = decoded
        .hints
        .iter()
        .map(|hint| plan(&recent(hint, now), &known.catalog, &roster, &accounts, &known.profiles, now))
        .collect();
    let word = word(decoded, &plans);
    if args.json {
        line(&as_json(number, decoded, &plans, word, &roster).to_string());
    } else {
        as_text(number, decoded, &plans, word);
    }
    word
}

/// A recorded message is judged as if it came now, whenever it was recorded: it is the decision that is of interest, not that it is late by now.
fn recent(hint: &Hint, now: Timestamp) -> Hint {
    Hint { occurred: Some(now), received: now, ..hint.clone() }
}

fn word(decoded: &Decoded, plans: &[Plan]) -> &'static str {
    let any = |verdict: fn(&Verdict) -> bool| plans.iter().any(|plan| verdict(&plan.verdict));
    if any(|verdict| matches!(verdict, Verdict::Planned(_))) {
        "planned"
    } else if decoded.standing == Standing::Unknown {
        "unknown"
    } else if any(|verdict| *verdict == Verdict::NotServed) {
        "not-served"
    } else {
        "nothing"
    }
}

/// Stands in for the accounts when no configuration is given: both providers, all sorts of agents.
fn found_accounts(hints: &[Hint]) -> Accounts {
    let mut regions: BTreeMap<AccountId, Vec<Region>> = BTreeMap::new();
    for hint in hints {
        let known = regions.entry(hint.place.account.clone()).or_default();
        if !known.contains(&hint.place.region) {
            known.push(hint.place.region.clone());
        }
    }
    let environment = aws_event_cache_config::shipped_profiles().1;
    Accounts::new(regions.into_iter().flat_map(|(account, regions)| {
        [Provider::Aws, Provider::Ecs].map(|provider| stand_in(&account, &regions, provider, environment.clone()))
    }))
}

fn stand_in(account: &AccountId, regions: &[Region], provider: Provider, environment: Environment) -> SpinnakerAccount {
    let suffix = if provider == Provider::Ecs { "-ecs" } else { "" };
    SpinnakerAccount {
        name: format!("{account}{suffix}"),
        provider,
        account: account.clone(),
        regions: regions.to_vec(),
        environment,
        assume_role: None,
        lambda: provider == Provider::Aws,
    }
}

fn as_text(number: usize, decoded: &Decoded, plans: &[Plan], word: &str) {
    line(&format!("{number}: {} -> {word}", decoded.payload.as_str()));
    for (hint, plan) in decoded.hints.iter().zip(plans) {
        line(&format!("   {} {}", hint.place, says(&hint.what)));
        for wanted in &plan.wanted {
            line(&format!("      run {} ({})", wanted.agent.name, wanted.class.as_str()));
        }
        if !plan.wanted.is_empty() && !plan.looks.is_empty() {
            line("      and look again after the settle window");
        }
        plan.effects.iter().filter_map(follows).for_each(|text| line(&format!("      {text}")));
    }
}

/// What a hint says, in words.
fn says(what: &What) -> String {
    match what {
        What::Changed { kind, names, change } => {
            let change = match change {
                Change::Created => "created",
                Change::Updated => "updated",
                Change::Deleted => "deleted",
                Change::Related => "may be touched",
            };
            match names {
                Names::Any => format!("{kind} {change}, which one is not said"),
                Names::Some(names) => {
                    let names: Vec<&str> = names.iter().map(ResourceName::as_str).collect();
                    format!("{kind} {change}: {}", names.join(", "))
                }
            }
        }
        What::AccessChanged { role: Some(role) } => format!("access changed: role {role}"),
        What::AccessChanged { role: None } => "access changed: a role or policy".to_owned(),
        What::Throttled { service } => format!("throttled: {service}"),
        What::QuotaRaised { service: Some(service) } => format!("quota raised: {service}"),
        What::QuotaRaised { service: None } => "quota raised, of which service is not said".to_owned(),
        What::Heartbeat => "heartbeat".to_owned(),
        What::SignOfLife => "sign of life".to_owned(),
        What::StreamStopped => "the feed was taken away".to_owned(),
    }
}

/// What else follows from a hint; signs of life go without saying.
fn follows(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Stream(..) => None,
        Effect::BudgetCut(_, service) => Some(format!("ask less of {service} for a while")),
        Effect::BudgetRestored(_, Some(service)) => Some(format!("ask as much of {service} as before")),
        Effect::BudgetRestored(_, None) => Some("ask as much of every service as before".to_owned()),
        Effect::AccessDoubted(account) => Some(format!("doubt who may read what in {account}")),
    }
}

fn as_json(number: usize, decoded: &Decoded, plans: &[Plan], word: &str, roster: &Roster) -> Value {
    let hints: Vec<Value> = decoded
        .hints
        .iter()
        .zip(plans)
        .map(|(hint, plan)| {
            let runs: Vec<Value> = plan
                .wanted
                .iter()
                .map(|wanted| json!({"agent": wanted.agent.name, "class": wanted.class, "resources": wanted.resources}))
                .collect();
            json!({"place": hint.place, "what": hint.what, "event": hint.origin.event, "runs": runs, "secondLooks": plan.looks.len()})
        })
        .collect();
    json!({"line": number, "payload": decoded.payload.as_str(), "verdict": word, "agentsKnown": roster.agents().len(), "hints": hints})
}
