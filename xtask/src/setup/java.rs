//! The Clouddriver harness, built by Maven.

use std::fs;
use std::path::PathBuf;

use super::maven::{classpath_is_there, maven, patiently};
use super::{SetupError, sources};
use crate::command::say;
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

/// Builds the harness again when its sources have changed or Maven's local repository has lost something.
pub(super) fn build(release: Release) -> Result<(), SetupError> {
    let folder = release.folder();
    let stamp = folder.join("sources");
    let wanted = sources::of(&paths::harness(), &["pom.xml", "src"])?;
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && classpath_is_there(&release.classpath()) {
        return Ok(());
    }
    say("building the Clouddriver harness (the first time downloads some 420 MB)");
    let mut maven = maven(&paths::harness(), &["clean", "compile"]);
    maven.arg(format!("-DoutputFolder={}", folder.display()));
    if release == Release::Spinnaker128 {
        maven.arg("-Pspinnaker-1.28");
    }
    patiently(&mut maven).map_err(SetupError::command("the Clouddriver harness"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}
