//! Cargo's helpers.

use std::process::Command;

use super::SetupError;
use crate::command::{run, say, succeeds};

/// A cargo subcommand, in the version that is installed where there is none. A developer's own version stays.
struct Tool {
    subcommand: &'static str,
    package: &'static str,
    version: &'static str,
}

const TOOLS: [Tool; 2] = [
    Tool { subcommand: "nextest", package: "cargo-nextest", version: "0.9.151" },
    Tool { subcommand: "deny", package: "cargo-deny", version: "0.20.2" },
];

/// Builds the tools that are missing.
pub(super) fn install() -> Result<(), SetupError> {
    for tool in &TOOLS {
        if succeeds(Command::new("cargo").args([tool.subcommand, "--version"])) {
            continue;
        }
        say(&format!("building {} {} (takes some minutes, once)", tool.package, tool.version));
        let mut install = Command::new("cargo");
        install.args(["install", "--locked", "--quiet", tool.package, "--version", tool.version]);
        // Their dependencies must not land in our target folder, nor be built for our settings.
        install.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        run(&mut install).map_err(SetupError::command(tool.package))?;
    }
    Ok(())
}
