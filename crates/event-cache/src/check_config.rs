//! `check-config`: every mistake with its place, or what follows from the file for each account, region and kind.

use std::process::ExitCode;

use aws_event_cache_clouddriver::plugin::intervals::LONGEST;
use aws_event_cache_config::{
    Config, ConfigErrors, Effective, KnownKinds, LockStore, LockStoreSettings, Mistake, Scheduler,
};
use aws_event_cache_model::Accounts;
use comfy_table::Table;
use serde_json::{Value, json};
use url::Url;

use crate::cli::{CheckConfigArgs, exit};
use crate::output::{error, line, show, table, warn};
use crate::reply::{list, text};
use crate::settings::{self, SettingsError};

pub(crate) fn run(args: &CheckConfigArgs) -> ExitCode {
    match check(args) {
        Ok(code) => code,
        Err(SettingsError::Config(ConfigErrors(mistakes))) => {
            mistakes.iter().for_each(|mistake| warn(&mistake.to_string()));
            warn(&match mistakes.len() {
                1 => "1 mistake".to_owned(),
                several => format!("{several} mistakes"),
            });
            if args.json {
                line(&json!({"mistakes": mistakes.iter().map(as_json).collect::<Vec<_>>()}).to_string());
            }
            exit::bad_config()
        }
        Err(problem) => {
            error(&problem);
            exit::bad_config()
        }
    }
}

fn as_json(mistake: &Mistake) -> Value {
    json!({
        "file": mistake.file, "line": mistake.line, "column": mistake.column, "key": mistake.key, "value": mistake.value,
        "problem": mistake.problem, "nearest": mistake.nearest, "help": mistake.help,
    })
}

fn check(args: &CheckConfigArgs) -> Result<ExitCode, SettingsError> {
    let loaded = settings::load(&args.file.config)?;
    loaded.warnings.iter().for_each(|warning| warn(&format!("warning: {warning}")));
    // Everything that starting would refuse.
    settings::intake(&loaded.config)?;
    settings::certificates(&loaded.config)?;
    settings::tokens(&loaded.config)?;
    settings::locks(&loaded.config, "check")?;
    settings::answer::check(&loaded.config.answer)?;
    let accounts = Accounts::new(settings::configured_accounts(&loaded.config)?);
    let kinds = KnownKinds::of(&loaded.catalog);
    let kind = match args.kind.as_deref().map(|word| loaded.catalog.find_kind(word)).transpose() {
        Ok(kind) => kind.map(|kind| kind.id.to_string()),
        Err(unknown) => {
            error(&unknown);
            return Ok(exit::failed());
        }
    };
    let effective = Effective::of(&loaded.config, &kinds, &accounts);
    let shown = serde_json::to_value(&effective).expect("invariant: an effective configuration can always be written");
    if args.json {
        line(&shown.to_string());
    } else {
        print(&shown, args, kind.as_deref(), &loaded.config);
    }
    Ok(exit::OK)
}

fn print(effective: &Value, args: &CheckConfigArgs, kind: Option<&str>, config: &Config) {
    line(&format!("The file is sound. Drive mode: {}", text(effective, "mode")));
    line(&match config.answer.mode {
        None => "Answer arm: off".to_owned(),
        Some(mode) => format!("Answer arm: {} at {}{}", mode.as_str(), config.answer.listen, tls(config)),
    });
    line(&format!("Agents are run and held by: {}", control(config)));
    if config.intake.relay_secret.is_some() {
        line(&format!(
            "Messages on {} are taken only with the relay's secret (intake.relaySecret); others are refused with 403",
            config.intake.sns.paths.join(", ")
        ));
    }
    show(&profiles(effective));
    let kinds = kinds(effective, args, kind);
    show(&kinds);
    let narrowed = args.account.is_some() || args.region.is_some() || args.kind.is_some();
    if kinds.row_count() == 0 && narrowed {
        line("\nNo account of the file fits.");
    }
    if settings::discovers(config) {
        line("\nMore accounts are taken from Clouddriver while running.");
    }
}

/// By what agents are run and held.
fn control(config: &Config) -> String {
    match &config.clouddriver.lock_store {
        None => "nothing, only on-demand calls are made".to_owned(),
        Some(LockStore::Locks(LockStoreSettings { scheduler: Scheduler::Redis, .. })) => "locks in Redis".to_owned(),
        Some(LockStore::Locks(LockStoreSettings { scheduler: Scheduler::Sql, .. })) => {
            "locks in the SQL database".to_owned()
        }
        Some(LockStore::Plugin(plugin)) => {
            let urls: Vec<&str> = plugin.urls.iter().map(Url::as_str).collect();
            format!(
                "the bridge plugin in Clouddriver at {}; cadences above {} s are cut to that",
                urls.join(", "),
                LONGEST.as_secs()
            )
        }
    }
}

/// What the proxy can see of TLS.
fn tls(config: &Config) -> &'static str {
    match config.answer.ca {
        Some(_) => ", plain HTTP and TLS",
        None => ", plain HTTP only (no answer.ca: TLS is tunnelled unseen)",
    }
}

fn profiles(effective: &Value) -> Table {
    let mut rows = table(&["\nENVIRONMENT", "\nSETTING", "\nVALUE"]);
    for (name, profile) in effective.get("profiles").and_then(Value::as_object).into_iter().flatten() {
        for (key, value) in profile.as_object().into_iter().flatten() {
            rows.add_row([name.clone(), key.clone(), plain(value)]);
        }
    }
    rows
}

/// What holds for each account, region and kind that was asked for.
fn kinds(effective: &Value, args: &CheckConfigArgs, kind: Option<&str>) -> Table {
    let mut header = vec![
        "\nACCOUNT",
        "\nNAMES",
        "\nREGION",
        "\nENVIRONMENT",
        "\nKIND",
        "\nFLOOR",
        "\nCEILING",
        "\nHOT CEILING",
        "\nFROM",
    ];
    let answers = text(effective, "answer") != "off";
    header.extend(answers.then_some("\nANSWER"));
    let mut rows = table(&header);
    for place in list(effective, "places") {
        let (account, region) = (text(place, "account"), text(place, "region"));
        let names: Vec<&str> = list(place, "names").filter_map(Value::as_str).collect();
        let named = args.account.as_deref().is_none_or(|wanted| wanted == account || names.contains(&wanted));
        if !named || args.region.as_deref().is_some_and(|wanted| wanted != region) {
            continue;
        }
        let joined = names.join(", ");
        for row in list(place, "kinds").filter(|row| kind.is_none_or(|kind| text(row, "kind") == kind)) {
            let watched = row.get("watched") == Some(&Value::Bool(true));
            let mut cells = vec![
                account,
                &joined,
                region,
                text(place, "environment"),
                text(row, "kind"),
                text(row, "floor"),
                text(row, "ceiling"),
                text(row, "hotCeiling"),
                if watched { text(row, "ceilingFrom") } else { "not watched" },
            ];
            cells.extend(answers.then(|| text(row, "answer")));
            rows.add_row(cells);
        }
    }
    rows
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
