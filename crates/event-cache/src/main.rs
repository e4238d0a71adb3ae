//! The `aws-event-cache` binary: configuration, wiring, signals and subcommands. What is decided lives in the crates.

mod aws_setup;
mod ca;
mod check_config;
mod cli;
mod client;
mod cost;
mod demo;
mod doctor;
mod kinds;
mod output;
mod refresh;
mod replay;
mod reply;
mod savings;
mod serve;
mod settings;
mod status;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tokio::runtime::Runtime;

use aws_event_cache_sim::demo::DemoError;
use cli::{Cli, Command, exit};
use client::ClientError;
use doctor::DoctorError;
use serve::ServeError;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Kinds(args) => kinds::run(&args),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "aws-event-cache", &mut std::io::stdout());
            exit::OK
        }
        Command::Refresh(args) => asking(refresh::run(args)),
        Command::Status(args) => asking(status::run(args)),
        Command::Savings(args) => asking(savings::run(args)),
        Command::Ca(args) => ca::run(&args.command),
        Command::AwsSetup(args) => aws_setup::run(&args),
        Command::Cost(args) => cost::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Demo(args) => asking(demo::run(args)),
        Command::Doctor(args) => asking(doctor::run(args)),
        Command::Serve(args) => asking(serve::run(args)),
    }
}

/// Runs a command on a runtime, and turns what went wrong into an exit status.
fn asking<E: Into<Failure>>(command: impl Future<Output = Result<ExitCode, E>>) -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(problem) => {
            output::error(&problem);
            return exit::failed();
        }
    };
    runtime.block_on(command).unwrap_or_else(|problem| {
        let Failure { error, code } = problem.into();
        output::error(&*error);
        code
    })
}

/// What went wrong, and the exit status for it.
struct Failure {
    error: Box<dyn std::error::Error>,
    code: ExitCode,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = match error {
            ClientError::Unreachable { .. } => exit::unreachable(),
            ClientError::Token { .. } | ClientError::Refused(_) => exit::failed(),
        };
        Self { error: error.into(), code }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let code = error.code();
        Self { error: error.into(), code }
    }
}

impl From<DoctorError> for Failure {
    fn from(error: DoctorError) -> Self {
        Self { error: error.into(), code: exit::could_not_look() }
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        Self { error: error.into(), code: exit::failed() }
    }
}
