//! Builds by Maven.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{CommandError, run};

/// The central repository sometimes drops a connection; Maven goes on where it was, so asking again is cheap.
const ATTEMPTS: u32 = 3;

/// Maven with goals, in a folder with a `pom.xml`.
pub(super) fn maven(folder: &Path, goals: &[&str]) -> Command {
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "--no-transfer-progress"]).args(goals).current_dir(folder);
    maven
}

/// Runs it until it succeeds, a few times at most.
pub(super) fn patiently(maven: &mut Command) -> Result<(), CommandError> {
    let mut attempt = 1;
    while let Err(error) = run(maven) {
        if attempt == ATTEMPTS {
            return Err(error);
        }
        attempt += 1;
    }
    Ok(())
}

/// Whether every library that a class path file names is there: Maven's local repository can be emptied at any time.
pub(super) fn classpath_is_there(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|path| path.trim().split(':').all(|jar| Path::new(jar).is_file()))
}
