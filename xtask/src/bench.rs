//! `cargo xtask bench`: every criterion benchmark, and the proxy against its peers. `docs/benchmarks.md` says what came out, and how to read it.

mod peers;
mod proxy;
mod server;

use std::error::Error;
use std::process::Command;

use crate::command;
use crate::paths;

/// Which benchmarks.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench -- signature\n  cargo xtask bench proxy --json | tail -n 1"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    only: Option<Only>,
    /// Arguments for criterion, such as the beginning of a benchmark's name
    #[arg(last = true, value_name = "CRITERION ARGUMENTS")]
    criterion: Vec<String>,
}

/// What is not a criterion benchmark.
#[derive(Debug, clap::Subcommand)]
enum Only {
    /// The proxy beside nginx, Varnish, hyper with a map, and a floor
    Proxy(proxy::Options),
}

/// The packages that have benchmarks, from the bottom up.
const PACKAGES: [&str; 4] =
    ["aws-event-cache-answer", "aws-event-cache-engine", "aws-event-cache-intake", "aws-event-cache-wire"];

/// Runs them, one after the other: two at a time would measure each other.
///
/// # Errors
///
/// When one does not build, or fails.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(Only::Proxy(options)) = &options.only {
        return proxy::run(options);
    }
    for package in PACKAGES {
        let mut cargo = Command::new("cargo");
        // Not `--benches`: that would also run the unit tests, which do not know criterion's arguments.
        cargo.current_dir(paths::repository()).args(["bench", "--locked", "--package", package, "--bench", "*"]);
        command::run(cargo.arg("--").args(&options.criterion))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_with_benchmarks_is_run() {
        let crates = std::fs::read_dir(paths::repository().join("crates")).unwrap().flatten();
        let with = crates.filter(|package| package.path().join("benches").is_dir());
        let mut with: Vec<String> =
            with.map(|package| format!("aws-event-cache-{}", package.file_name().display())).collect();
        with.sort();
        assert_eq!(with, PACKAGES);
    }
}
