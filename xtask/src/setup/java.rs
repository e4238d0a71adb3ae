//! The Clouddriver harness, built by Maven.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SetupError, sources};
use crate::command::{run, say};
use crate::paths;

/// A Spinnaker release whose Clouddriver the harness can be built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Release {
    /// Clouddriver 5.90.0.
    #[value(name = "1.36")]
    Spinnaker136,
    /// Clouddriver 5.76.0.
    #[value(name = "1.28")]
    Spinnaker128,
}

impl Release {
    /// Where its build goes.
    pub(crate) fn folder(self) -> PathBuf {
        paths::built().join(match self {
            Self::Spinnaker136 => "clouddriver-1.36",
            Self::Spinnaker128 => "clouddriver-1.28",
        })
    }

    /// The file with the class path of its dependencies.
    pub(crate) fn classpath(self) -> PathBuf {
        self.folder().join("classpath")
    }
}

/// The central repository sometimes drops a connection; Maven goes on where it was, so asking again is cheap.
const ATTEMPTS: u32 = 3;

/// Builds the harness again when its sources have changed or Maven's local repository has lost something.
pub(super) fn build(release: Release) -> Result<(), SetupError> {
    let folder = release.folder();
    let stamp = folder.join("sources");
    let wanted = sources::of(&paths::harness(), &["pom.xml", "src"])?;
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && dependencies_are_there(release) {
        return Ok(());
    }
    say("building the Clouddriver harness (the first time downloads some 420 MB)");
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "--no-transfer-progress", "clean", "compile"]).current_dir(paths::harness());
    maven.arg(format!("-DoutputFolder={}", folder.display()));
    if release == Release::Spinnaker128 {
        maven.arg("-Pspinnaker-1.28");
    }
    let mut attempt = 1;
    while let Err(error) = run(&mut maven) {
        if attempt == ATTEMPTS {
            return Err(SetupError::command("the Clouddriver harness")(error));
        }
        attempt += 1;
    }
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}

fn dependencies_are_there(release: Release) -> bool {
    fs::read_to_string(release.classpath()).is_ok_and(|path| path.trim().split(':').all(|jar| Path::new(jar).is_file()))
}
