//! `doctor`: brings the configuration to [`aws_event_cache_doctor`], and shows what it found.

use std::error::Error;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use aws_event_cache_clock::Clock;
use aws_event_cache_config as config;
use aws_event_cache_doctor::{LockStore, Outside, Patient, Report, examine, unreadable};

use crate::cli::{DoctorArgs, exit};
use crate::output::line;
use crate::settings::{self, SettingsError};

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    /// A file that was named cannot be read.
    #[error("{what} {} cannot be read", .file.display())]
    File {
        what: &'static str,
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

pub(crate) async fn run(args: DoctorArgs) -> Result<ExitCode, DoctorError> {
    readable("the configuration", &args.config)?;
    let token = args.token_file.as_ref().map(|file| readable("the token file", file)).transpose()?;
    let report = match patient(&args, token.map(|text| text.trim().to_owned())) {
        Ok(patient) => examine(&patient, &Clock::wall()).await,
        Err(SettingsError::Config(mistakes)) => {
            unreadable(&mistakes.0.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        Err(problem) => unreadable(&[chain(&problem)]),
    };
    show(&report, args.json);
    Ok(if report.broken().is_empty() { exit::OK } else { exit::failed() })
}

fn readable(what: &'static str, file: &PathBuf) -> Result<String, DoctorError> {
    fs::read_to_string(file).map_err(|source| DoctorError::File { what, file: file.clone(), source })
}

fn show(report: &Report, json: bool) {
    if json {
        line(&report.to_json().to_string());
    } else {
        line(&report.to_text());
    }
}

fn patient(args: &DoctorArgs, token: Option<String>) -> Result<Patient, SettingsError> {
    let config::Loaded { config, catalog, warnings } = settings::load(&args.config)?;
    // Everything that starting would refuse.
    settings::intake(&config)?;
    settings::certificates(&config)?;
    settings::tokens(&config)?;
    settings::answer::check(&config.answer)?;
    let accounts = settings::accounts(&config, None)?;
    let outside = Outside {
        clouddriver: settings::client(&config),
        lock_store: lock_store(&config)?,
        declared: accounts.configured,
        environments: accounts.environments,
        server: args.server.clone().unwrap_or_else(|| server(&config)),
        token,
        publish: !args.no_publish,
    };
    let doubts = warnings.iter().map(ToString::to_string).collect();
    Ok(Patient::new(&config, catalog, doubts, outside))
}

fn lock_store(config: &config::Config) -> Result<Option<LockStore>, SettingsError> {
    let kind = match &config.clouddriver.lock_store {
        None => return Ok(None),
        Some(config::LockStore::Plugin(_)) => "plugin",
        Some(config::LockStore::Locks(store)) => match store.scheduler {
            config::Scheduler::Redis => "redis",
            config::Scheduler::Sql => "sql",
        },
    };
    Ok(Some(LockStore { kind, settings: settings::locks(config, "doctor")? }))
}

/// Where a service with this configuration answers on this machine.
fn server(config: &config::Config) -> String {
    let mut listen = config.server.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{listen}")
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}
