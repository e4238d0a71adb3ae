//! The tools that check the templates of the AWS side: cfn-lint, which knows every resource's schema, and HCL's own formatter.
//!
//! Terraform itself is not among them: without its AWS provider, which is no package of any registry that we build from, it checks no more than these do.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{SetupError, sdks};
use crate::command::{CommandError, run, say};
use crate::paths;

/// The formatter whose layout `terraform fmt` writes.
const HCLFMT: &str = "github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.24.0";

/// Builds and installs what is missing, under `target/harness/templates`.
pub(super) fn build() -> Result<(), SetupError> {
    let requirements = paths::repository().join("harness/templates/requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(SetupError::io("read", &requirements))?;
    remade("python", &wanted, || {
        let environment = folder().join("python");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut install = Command::new(environment.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        run(install.arg(&requirements))
    })?;
    remade("hclfmt", HCLFMT, || {
        let mut go = sdks::go_program();
        go.args(["install", "-ldflags=-s -w", HCLFMT]).env("GOBIN", folder().join("bin"));
        run(go.env("CGO_ENABLED", "0").env("GOFLAGS", ""))
    })
}

fn folder() -> PathBuf {
    paths::built().join("templates")
}

/// Makes something again when another version of it is wanted.
fn remade(name: &str, wanted: &str, make: impl FnOnce() -> Result<(), CommandError>) -> Result<(), SetupError> {
    let stamp = folder().join(format!("{name}.stamp"));
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    say(&format!("installing what checks the AWS templates: {name}"));
    fs::create_dir_all(folder()).map_err(SetupError::io("make", folder()))?;
    make().map_err(SetupError::command("the checks of the AWS templates"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}
