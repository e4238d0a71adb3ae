//! `cargo xtask test`: every test there is.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::paths;
use crate::setup::{self, Release};

/// Which tests.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask test\n  cargo xtask test -- -p aws-event-cache-engine\n  cargo xtask test -- a_hold_ends_by_itself"
)]
pub(crate) struct Options {
    /// Arguments for cargo-nextest; with any, only its tests run
    #[arg(last = true, value_name = "NEXTEST ARGUMENTS")]
    nextest: Vec<String>,
}

impl Options {
    /// Whether only some packages are to be built: `--workspace` would build all of them nevertheless.
    fn names_packages(&self) -> bool {
        self.nextest.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
    }
}

/// Sets up, then runs the tests. cargo-nextest comes last: its summary is the last thing printed.
///
/// # Errors
///
/// At the first part that fails.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    setup::run(&setup::Options::default())?;
    if options.nextest.is_empty() {
        let mut python = Command::new(paths::python());
        python.env("PYTHONDONTWRITEBYTECODE", "1").arg(paths::mock_aws().join("test_mock_aws.py"));
        command::run(&mut python)?;
        command::run(cargo().args(["test", "--doc", "--workspace", "--locked"]))?;
    }
    let mut nextest = cargo();
    nextest.args(["nextest", "run", "--locked", "--profile", "ci", "--test-threads", &threads()]);
    if !options.names_packages() {
        nextest.arg("--workspace");
    }
    command::run(nextest.args(&options.nextest))?;
    Ok(())
}

/// How many tests run at a time: two for each core, since most of a test's time is spent waiting for the servers that it started.
fn threads() -> String {
    (2 * std::thread::available_parallelism().map_or(1, usize::from)).to_string()
}

/// Cargo, with the variables that tell the tests where things are. Servers that are in `PATH` need none.
fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository());
    let places: [(&str, PathBuf); 4] = [
        ("AEC_PYTHON", paths::python()),
        ("AEC_MOCK_AWS", paths::mock_aws().join("mock_aws.py")),
        ("AEC_HARNESS_PROXY", paths::harness().join("proxy.py")),
        ("AEC_HARNESS_CLASSPATH", Release::Spinnaker136.classpath()),
    ];
    command.envs(places);
    command
}
