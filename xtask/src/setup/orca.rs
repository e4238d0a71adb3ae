//! The Orca harness, built by Maven.

use std::fs;

use super::maven::{classpath_is_there, maven, patiently};
use super::{SetupError, sources};
use crate::command::say;
use crate::paths;

/// The Orcas whose rules for URLs and webhook stages differ, and what Maven is told for each.
const RELEASES: [(&str, &[&str]); 2] = [("orca-1.36", &[]), ("orca-1.28", &["-Pspinnaker-1.28"])];

/// Builds each again when its sources have changed or Maven's local repository has lost something.
pub(super) fn build() -> Result<(), SetupError> {
    let from = paths::repository().join("harness/orca");
    let wanted = sources::of(&from, &["pom.xml", "src"])?;
    for (name, arguments) in RELEASES {
        let folder = paths::built().join(name);
        let stamp = folder.join("sources");
        if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted)
            && classpath_is_there(&folder.join("classpath"))
        {
            continue;
        }
        say(&format!("building harness/orca: {name}"));
        let mut maven = maven(&from, &["clean", "compile"]);
        maven.args(arguments).arg(format!("-DoutputFolder={}", folder.display()));
        patiently(&mut maven).map_err(SetupError::command("the Orca harness"))?;
        fs::write(&stamp, &wanted).map_err(SetupError::io("write", &stamp))?;
    }
    Ok(())
}
