//! `cargo xtask setup`: installs what the tests need and this machine lacks.
//!
//! Each part first looks whether there is anything to do, so that a second run takes less than a second. Nothing is started, and nothing that a developer
//! has in another version is replaced.

mod debian;
mod deck;
mod java;
mod kits;
mod maven;
mod orca;
mod plugins;
mod python;
mod sdks;
mod sources;
mod templates;
mod tools;

pub(crate) use java::Release;

use crate::command::CommandError;

/// What to set up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask setup\n  cargo xtask setup --spinnaker 1.28")]
pub(crate) struct Options {
    /// Clouddriver of which Spinnaker release to build for the tests
    #[arg(long, value_enum, default_value = "1.36", value_name = "RELEASE")]
    pub(crate) spinnaker: Vec<Release>,
}

impl Default for Options {
    fn default() -> Self {
        Self { spinnaker: vec![Release::Spinnaker136] }
    }
}

/// Why set-up failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// A program that installs or builds something failed.
    #[error("set-up of {what}")]
    Command {
        /// What was being set up.
        what: &'static str,
        /// What went wrong.
        source: CommandError,
    },
    /// A file could not be read or written.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something has to be installed by hand.
    #[error("{missing} is missing; install it: {how}")]
    ByHand {
        /// What is missing.
        missing: String,
        /// How to install it.
        how: String,
    },
}

impl SetupError {
    fn command(what: &'static str) -> impl FnOnce(CommandError) -> Self {
        move |source| Self::Command { what, source }
    }

    fn io(doing: &'static str, path: impl Into<std::path::PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

/// Sets up everything.
///
/// # Errors
///
/// When a part cannot be installed or built; the message says which.
pub(crate) fn run(options: &Options) -> Result<(), SetupError> {
    debian::install(&debian::TESTS)?;
    tools::install()?;
    python::build()?;
    sdks::build()?;
    kits::build()?;
    deck::build()?;
    orca::build()?;
    // After Deck's part, which goes into the bundle.
    plugins::build()?;
    templates::build()?;
    options.spinnaker.iter().try_for_each(|&release| java::build(release))
}

/// Installs what the proxy is measured against.
///
/// # Errors
///
/// When it cannot be installed.
pub(crate) fn peers() -> Result<(), SetupError> {
    debian::install(&debian::PEERS)
}
