//! Finds programs and the repository's own files.

use std::env;
use std::path::{Path, PathBuf};

use crate::{Release, StartError};

/// The file that `variable` names, or else the first `program` in `PATH` or one of `also`.
pub(crate) fn program(what: &'static str, variable: &str, program: &str, also: &[&str]) -> Result<PathBuf, StartError> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        return existing(what, path, &format!("${variable} = "));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(also.iter().map(PathBuf::from));
    folders
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| StartError::Missing { what, looked: format!("${variable}, PATH, {}", also.join(", ")) })
}

/// The folder of PostgreSQL's programs: Debian keeps them out of `PATH`, one folder for each major version.
pub(crate) fn postgres_bin() -> Result<PathBuf, StartError> {
    const WHAT: &str = "PostgreSQL's initdb";
    const VERSIONS: &str = "/usr/lib/postgresql";
    if let Some(path) = env::var_os("AEC_POSTGRES_BIN").map(PathBuf::from) {
        existing(WHAT, path.join("initdb"), "$AEC_POSTGRES_BIN = ")?;
        return Ok(path);
    }
    let debian = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let bin = version.path().join("bin");
        bin.join("initdb").is_file().then_some((number, bin))
    });
    if let Some((_, bin)) = debian.max() {
        return Ok(bin);
    }
    let found = program(WHAT, "AEC_POSTGRES_BIN", "initdb", &[VERSIONS])?;
    Ok(found.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// The Python that has what `harness/mock-aws/requirements.txt` names.
pub(crate) fn python() -> Result<PathBuf, StartError> {
    named_or("the Python environment of the mock AWS", "AEC_PYTHON", || built().join("python/bin/python"))
}

/// The mock AWS's program.
pub(crate) fn mock_aws() -> Result<PathBuf, StartError> {
    named_or("the mock AWS", "AEC_MOCK_AWS", || repository().join("harness/mock-aws/mock_aws.py"))
}

/// The forward proxy between Clouddriver and the mock AWS.
pub(crate) fn harness_proxy() -> Result<PathBuf, StartError> {
    named_or("the harness's proxy", "AEC_HARNESS_PROXY", || repository().join("harness/clouddriver/proxy.py"))
}

/// The class path of the Clouddriver harness: Maven writes that of its dependencies into a file beside the compiled classes.
pub(crate) fn harness_classpath(release: Release) -> Result<String, StartError> {
    let (variable, folder) = match release {
        Release::Spinnaker136 => ("AEC_HARNESS_CLASSPATH", "clouddriver-1.36"),
        Release::Spinnaker128 => ("AEC_HARNESS_CLASSPATH_1_28", "clouddriver-1.28"),
    };
    let file = named_or("the build of the Clouddriver harness", variable, || built().join(folder).join("classpath"))?;
    let dependencies = std::fs::read_to_string(&file).map_err(StartError::io("read", &file))?;
    Ok(format!("{}:{}", file.with_file_name("classes").display(), dependencies.trim()))
}

/// The class path of a host of `harness/hosts`, its own classes first.
pub(crate) fn host_classpath(name: &str) -> Result<String, StartError> {
    let file = existing("a host of harness/hosts", built().join("hosts").join(name).join("classpath"), "")?;
    let dependencies = std::fs::read_to_string(&file).map_err(StartError::io("read", &file))?;
    Ok(format!("{}:{}", file.with_file_name("classes").display(), dependencies.trim()))
}

/// What `cargo xtask setup` builds from `plugins`: the bundle, or one of the zips in it.
pub(crate) fn plugin(zip: &str) -> Result<PathBuf, StartError> {
    existing("the bridge plugin", target().join("plugins").join(zip), "")
}

/// The class path of the Orca harness.
pub(crate) fn orca_classpath(release: Release) -> Result<String, StartError> {
    let (variable, folder) = match release {
        Release::Spinnaker136 => ("AEC_ORCA_CLASSPATH", "orca-1.36"),
        Release::Spinnaker128 => ("AEC_ORCA_CLASSPATH_1_28", "orca-1.28"),
    };
    let file = named_or("the build of the Orca harness", variable, || built().join(folder).join("classpath"))?;
    let dependencies = std::fs::read_to_string(&file).map_err(StartError::io("read", &file))?;
    Ok(format!("{}:{}", file.with_file_name("classes").display(), dependencies.trim()))
}

/// The service itself, for tests of other packages than its own: where cargo puts it beside the running test.
pub(crate) fn service() -> Result<PathBuf, StartError> {
    named_or("the service (cargo build -p aws-event-cache)", "AEC_SERVICE", || {
        let test = env::current_exe().unwrap_or_default();
        test.ancestors().nth(2).unwrap_or(Path::new("")).join("aws-event-cache")
    })
}

/// What `cargo xtask setup` builds from `harness/sdks`.
pub(crate) fn sdk(path: &str) -> Result<PathBuf, StartError> {
    existing("a program of harness/sdks", built().join("sdks").join(path), "")
}

/// A program of `harness/sdks` that is not built.
pub(crate) fn sdk_source(path: &str) -> Result<PathBuf, StartError> {
    existing("a program of harness/sdks", repository().join("harness/sdks").join(path), "")
}

/// Where `cargo xtask setup` puts what it makes.
fn built() -> PathBuf {
    target().join("harness")
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("invariant: the crate lies two folders below the repository's root").to_path_buf()
}

fn named_or(what: &'static str, variable: &str, usual: impl Fn() -> PathBuf) -> Result<PathBuf, StartError> {
    match env::var_os(variable) {
        Some(path) => existing(what, path.into(), &format!("${variable} = ")),
        None => existing(what, usual(), ""),
    }
}

/// The user and group, as numbers, that a server runs as which refuses to run as root; `None` when we are not root ourselves.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    // 65534 is nobody's number by convention, also where /etc/passwd does not list it.
    Some(of("postgres").or_else(|| of("nobody")).unwrap_or((65_534, 65_534)))
}

fn existing(what: &'static str, path: PathBuf, because: &str) -> Result<PathBuf, StartError> {
    if path.is_file() {
        return Ok(path);
    }
    Err(StartError::Missing { what, looked: format!("{because}{}", path.display()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_how_to_install_it() {
        let error = program("Frobnicator", "AEC_NO_SUCH_VARIABLE", "frobnicator", &["/nowhere"]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("Frobnicator") && text.contains("/nowhere") && text.contains("cargo xtask setup"),
            "{text}"
        );
    }

    #[test]
    fn a_program_is_found_in_the_folders_beyond_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("frobnicator"), "").unwrap();
        let also = folder.path().to_str().unwrap();
        let found = program("Frobnicator", "AEC_NO_SUCH_VARIABLE", "frobnicator", &[also]).unwrap();
        assert_eq!(found, folder.path().join("frobnicator"));
    }
}
