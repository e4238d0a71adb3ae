//! Runs other programs, and says which.

use std::io;
use std::process::{Command, Stdio};

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// It could not be started.
    #[error("cannot run {program}")]
    Start {
        /// Which program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It says that it failed.
    #[error("failed ({status}): {line}")]
    Failed {
        /// The command line.
        line: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
}

/// Runs a program to its end with its output on ours, and without input, so that nothing ever waits for an answer.
pub(crate) fn run(command: &mut Command) -> Result<(), CommandError> {
    let line = line(command);
    say(&format!("+ {line}"));
    let status = command.stdin(Stdio::null()).status().map_err(not_started(command))?;
    if status.success() { Ok(()) } else { Err(CommandError::Failed { line, status }) }
}

/// Whether a program can be run and is content with its arguments. What it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Tells the developer.
#[allow(clippy::print_stderr, reason = "progress of a command goes to standard error, results to standard output")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command) -> impl FnOnce(io::Error) -> CommandError {
    let program = command.get_program().to_string_lossy().into_owned();
    move |source| CommandError::Start { program, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_an_error_with_its_command_line() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "failed (exit status: 3): sh -c exit 3");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot run no-such-program");
    }
}
