//! Developer commands. `cargo xtask --help` lists them.

mod bench;
mod command;
mod docs;
mod paths;
mod proof;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of AWS Event Cache.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// One command each; what it does is in the module of its name.
#[derive(Debug, Subcommand)]
enum Task {
    /// Install what the tests need and this machine lacks
    Setup(setup::Options),
    /// Run every test: set-up, Python, doc tests, then cargo-nextest
    Test(test::Options),
    /// Measure how quickly changes in AWS reach Clouddriver, and at what cost
    #[command(subcommand)]
    Proof(proof::Proof),
    /// Run every benchmark
    Bench(bench::Options),
    /// Write the documents that are made from the code
    Docs(docs::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Setup(options) => setup::run(&options).map_err(Into::into),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Docs(options) => docs::run(&options),
        Task::Proof(proof) => proof::run(&proof).map_err(|error| error as Box<dyn std::error::Error>),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error and its causes in one line.
#[allow(clippy::print_stderr, reason = "this is a command's answer")]
fn report(error: &dyn std::error::Error) {
    eprint!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprint!(": {error}");
        cause = error.source();
    }
    eprintln!();
}
