//! `ca`: the certificate authority on the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use aws_event_cache_clock::Clock;
use aws_event_cache_proxy::ca::{self, CaError, Generation, Names, Shown};

use crate::cli::{CaCommand, CaMakeArgs, CaPlaceArgs, exit};
use crate::output::{error, line, warn};
use crate::settings::{self, SettingsError};

/// Why a command about the authority failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// The configuration has mistakes.
    #[error("the configuration cannot be used")]
    Settings(#[from] SettingsError),
    /// Nothing says where the authority is.
    #[error("the configuration names no folder for it; set answer.ca, or give --folder")]
    NoFolder,
    /// The authority itself.
    #[error(transparent)]
    Ca(#[from] CaError),
}

pub(crate) fn run(command: &CaCommand) -> ExitCode {
    match done(command) {
        Ok(()) => exit::OK,
        Err(problem) => {
            error(&problem);
            if matches!(problem, Failed::Ca(_)) { exit::failed() } else { exit::bad_config() }
        }
    }
}

fn done(command: &CaCommand) -> Result<(), Failed> {
    let now = Clock::wall().now();
    match command {
        CaCommand::Init(args) => {
            let (folder, names) = place(args)?;
            print(&ca::init(&folder, &names, now)?, args.json);
            hint(args.json, "Give ca.pem to the clients and set answer.ca to the folder. The root's key is not kept.");
        }
        CaCommand::Show(args) => print(&ca::show(&folder_and_names(&args.place)?.0, now)?, args.json),
        CaCommand::Rotate(args) if args.switch => {
            let (folder, _) = place(&args.make)?;
            print(&ca::switch(&folder, now)?, args.make.json);
            hint(args.make.json, "Restart the service; from then on it uses the new root.");
        }
        CaCommand::Rotate(args) => {
            let (folder, names) = place(&args.make)?;
            print(&ca::rotate(&folder, &names, now)?, args.make.json);
            let next = "Nothing has changed for clients yet. Give ca.pem, which holds both roots, to every client; then run this again with --switch.";
            hint(args.make.json, next);
        }
    }
    Ok(())
}

/// What to do next, on standard error, so that what is piped on stays JSON.
fn hint(json: bool, text: &str) {
    if !json {
        warn(text);
    }
}

fn place(args: &CaMakeArgs) -> Result<(PathBuf, Names), Failed> {
    let (folder, mut names) = folder_and_names(&args.place)?;
    names.own.extend(args.names.iter().cloned());
    names.suffixes.extend(args.suffixes.iter().cloned());
    Ok((folder, names))
}

fn folder_and_names(place: &CaPlaceArgs) -> Result<(PathBuf, Names), Failed> {
    let answer = place.config.as_deref().map(settings::load).transpose()?.map(|loaded| loaded.config.answer);
    let names = answer.as_ref().map_or_else(Names::default, |answer| Names {
        suffixes: answer.hosts.suffixes.clone(),
        own: answer.names.clone(),
    });
    let folder = place.folder.clone().or_else(|| answer.and_then(|answer| answer.ca));
    Ok((folder.ok_or(Failed::NoFolder)?, names))
}

fn print(shown: &Shown, json: bool) {
    if json {
        let text = serde_json::to_string(shown).expect("invariant: what is shown of an authority can be written");
        return line(&text);
    }
    generation("root", &shown.current);
    if shown.days_left < 0 {
        line("          IT HAS ENDED: run ca rotate");
    } else {
        line(&format!("          {} days left", shown.days_left));
    }
    if let Some(next) = &shown.next {
        generation("next", next);
    }
    line(&format!("clients   trust {}", shown.bundle.display()));
    for step in &shown.trust {
        line(&format!("\n{}", step.client));
        step.text.lines().for_each(|text| line(&format!("  {text}")));
    }
}

fn generation(what: &str, of: &Generation) {
    line(&format!("{what:<9} {} (number {})", of.fingerprint, of.number));
    line(&format!("          from {} to {}", day(&of.not_before.to_string()), day(&of.not_after.to_string())));
    line(&format!("          may sign for {}", of.names.join(", ")));
}

fn day(time: &str) -> String {
    time.split('T').next().unwrap_or(time).to_owned()
}
