//! `aws-setup`: prints or writes what AWS needs, for the operator's accounts, regions and kinds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_event_cache_aws_setup::{BadOption, Document, Key, Options, Plan, PlanError, Recorder, Writes};
use aws_event_cache_aws_setup::{cloudformation, policies, terraform};
use aws_event_cache_config::{Config, Loaded};
use aws_event_cache_model::SpinnakerAccount;

use crate::cli::{AwsSetupArgs, AwsSetupCommand, AwsSetupFormArgs, RecorderArg, WritesArg, exit};
use crate::output::{error, line, warn};
use crate::settings::{self, SettingsError};

/// Why nothing was printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsSetupError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("there is no file {wanted:?} among them: {there}")]
    NoSuchFile { wanted: String, there: String },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

impl AwsSetupError {
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Plan(PlanError::NoHub | PlanError::NoKind | PlanError::Partitions(..)) => {
                exit::bad_config()
            }
            Self::Plan(_) | Self::NoSuchFile { .. } | Self::Write { .. } => exit::failed(),
        }
    }
}

pub(crate) fn run(args: &AwsSetupArgs) -> ExitCode {
    let form = match &args.command {
        AwsSetupCommand::Cloudformation(form) | AwsSetupCommand::Terraform(form) | AwsSetupCommand::Policy(form) => {
            form
        }
    };
    match documents(&args.command, form).and_then(|documents| hand_out(documents, form)) {
        Ok(()) => exit::OK,
        Err(problem) => {
            error(&problem);
            problem.code()
        }
    }
}

fn documents(command: &AwsSetupCommand, form: &AwsSetupFormArgs) -> Result<Vec<Document>, AwsSetupError> {
    let loaded = settings::load(&form.file.config)?;
    let accounts = settings::configured_accounts(&loaded.config)?;
    let plan = plan(&loaded, &accounts, options(form, &loaded.config))?;
    Ok(match command {
        AwsSetupCommand::Cloudformation(_) => cloudformation(&plan),
        AwsSetupCommand::Terraform(_) => terraform(&plan),
        AwsSetupCommand::Policy(_) => policies(&plan),
    })
}

/// The plan of a configuration.
pub(crate) fn plan<'l>(
    loaded: &'l Loaded,
    accounts: &[SpinnakerAccount],
    options: Options,
) -> Result<Plan<'l>, PlanError> {
    Plan::new(&loaded.config, &loaded.catalog, accounts, settings::discovers(&loaded.config), options)
}

fn options(form: &AwsSetupFormArgs, config: &Config) -> Options {
    // SNS's own word for plain HTTP is another protocol, and what is written here subscribes HTTPS.
    let public = config.intake.sns.public_url.as_ref().filter(|url| url.scheme() == "https");
    Options {
        prefix: form.prefix.clone(),
        endpoint: form.endpoint.clone().or_else(|| public.map(ToString::to_string)),
        organization: form.organization.clone(),
        recorder: recorder(form.recorder),
        writes: match form.writes {
            WritesArg::All => Writes::All,
            WritesArg::Known => Writes::Known,
        },
        key: key(&form.key),
    }
}

pub(crate) fn recorder(arg: RecorderArg) -> Recorder {
    match arg {
        RecorderArg::Existing => Recorder::Existing,
        RecorderArg::Create => Recorder::Create,
        RecorderArg::None => Recorder::None,
    }
}

pub(crate) fn key(word: &str) -> Key {
    match word {
        "create" => Key::Create,
        "none" => Key::None,
        arn => Key::Existing(arn.to_owned()),
    }
}

/// Into a folder, or onto standard output: one of them as it is, several with a line before each that says which it is.
fn hand_out(mut documents: Vec<Document>, form: &AwsSetupFormArgs) -> Result<(), AwsSetupError> {
    if let Some(wanted) = &form.only {
        let there = documents.iter().map(|document| document.path.as_str()).collect::<Vec<_>>().join(", ");
        documents.retain(|document| document.path == *wanted);
        if documents.is_empty() {
            return Err(AwsSetupError::NoSuchFile { wanted: wanted.clone(), there });
        }
    }
    match &form.out {
        Some(folder) => documents.iter().try_for_each(|document| write(folder, document)),
        None => {
            for document in &documents {
                if documents.len() > 1 {
                    line(&format!("# ---- {}", document.path));
                }
                line(document.text.trim_end_matches('\n'));
            }
            Ok(())
        }
    }
}

fn write(folder: &Path, document: &Document) -> Result<(), AwsSetupError> {
    let path = folder.join(&document.path);
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &document.text));
    written.map_err(|source| AwsSetupError::Write { path: path.clone(), source })?;
    warn(&format!("wrote {}", path.display()));
    Ok(())
}

impl From<BadOption> for AwsSetupError {
    fn from(bad: BadOption) -> Self {
        Self::Plan(bad.into())
    }
}
