//! The Python environment of the mock AWS.

use std::fs;
use std::process::Command;

use super::SetupError;
use crate::command::{run, say};
use crate::paths;

/// Makes the environment again when what it is made from has changed.
pub(super) fn build() -> Result<(), SetupError> {
    let environment = paths::python_environment();
    let requirements = paths::mock_aws().join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(SetupError::io("read", &requirements))?;
    let stamp = environment.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    say("making the mock AWS's Python environment");
    let mut venv = Command::new("python3");
    run(venv.args(["-m", "venv", "--clear"]).arg(&environment))
        .map_err(SetupError::command("the Python environment"))?;
    let mut install = Command::new(paths::python());
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements);
    run(&mut install).map_err(SetupError::command("the Python environment"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}
