//! What the tests of the installation kits share: the tools that operators use, and copies of the kits beside a Spinnaker to install them into.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Kubernetes releases whose schemas the manifests must fit: the oldest and the newest that the tool knows.
const KUBERNETES: [&str; 2] = ["1.25.0", "1.37.0"];

/// The repository's root.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("invariant: the crate lies two folders below the repository's root").to_path_buf()
}

/// A file of the repository, as text.
pub fn source(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A program that `cargo xtask setup` installs for these tests.
pub fn tool(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    let path = target.join("harness/kits/bin").join(name);
    assert!(path.is_file(), "{} is missing: cargo xtask setup installs it", path.display());
    path
}

/// Runs a program to its end: what it printed, or what it complained of.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// `kustomize build` of a folder.
pub fn build(folder: &Path) -> Result<String, String> {
    run(Command::new(tool("kustomize")).arg("build").arg(folder))
}

/// The documents of a YAML text.
pub fn documents(yaml: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    all.into_iter().filter(|document| !document.is_null()).collect()
}

/// The one document of a YAML text.
pub fn document(yaml: &str) -> Value {
    let mut all = documents(yaml);
    assert_eq!(all.len(), 1, "one document is wanted:\n{yaml}");
    all.remove(0)
}

/// The document of this kind and name. A name that kustomize made from the content is found without its ending.
pub fn find<'a>(all: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is = |document: &&Value| {
        let own = document["metadata"]["name"].as_str().unwrap_or_default();
        let hashed = own.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')).is_some_and(|hash| {
            hash.len() == 10 && hash.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        document["kind"] == kind && (own == name || hashed)
    };
    let names = || all.iter().map(|one| format!("{}/{}", one["kind"], one["metadata"]["name"])).collect::<Vec<_>>();
    all.iter().find(is).unwrap_or_else(|| panic!("there is no {kind} {name} among {:?}", names()))
}

/// The configuration files that a Deployment's projected volume holds: path and content.
pub fn configuration(all: &[Value], deployment: &str) -> Vec<(String, String)> {
    let volume = &find(all, "Deployment", deployment)["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!(volume["name"], "config", "the stock volume must stay the first");
    let mut files = Vec::new();
    for source in volume["projected"]["sources"].as_array().unwrap() {
        let name = source["configMap"]["name"].as_str().unwrap();
        let map = all.iter().find(|one| one["kind"] == "ConfigMap" && one["metadata"]["name"] == name);
        let data = &map.unwrap_or_else(|| panic!("{name} is mounted and not there"))["data"];
        match source["configMap"]["items"].as_array() {
            Some(items) => files.extend(items.iter().map(|item| {
                let text = data[item["key"].as_str().unwrap()].as_str().unwrap();
                (item["path"].as_str().unwrap().to_owned(), text.to_owned())
            })),
            None => files.extend(
                data.as_object()
                    .into_iter()
                    .flatten()
                    .map(|(key, text)| (key.clone(), text.as_str().unwrap().to_owned())),
            ),
        }
    }
    files
}

/// Checks what Kubernetes itself knows against its own schemas, without room for unknown fields.
pub fn assert_valid(documents: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (number, document) in documents.iter().filter(|document| is_builtin(document)).enumerate() {
        let file = folder.path().join(format!("{number}.yml"));
        fs::write(&file, document.to_string()).unwrap();
        files.push(file);
    }
    assert!(!files.is_empty(), "nothing was rendered");
    for version in KUBERNETES {
        let mut validate = Command::new(tool("kubernetes-validate"));
        let checked = run(validate.args(["--strict", "--kubernetes-version", version]).args(&files));
        checked.unwrap_or_else(|complaint| panic!("Kubernetes {version}: {complaint}"));
    }
}

/// Kubernetes' own groups: the first, which has no name, those without a dot, and those of k8s.io.
fn is_builtin(document: &Value) -> bool {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    !group.contains('.') || group.ends_with(".k8s.io")
}

/// A Spinnaker's recipe in a folder of its own, with the kits copied to `aws-event-cache` beside it, as the documents say.
pub struct Recipe(TempDir);

impl Recipe {
    /// Of one of the folders in `tests/fixtures`.
    pub fn new(fixture: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&repository().join("crates/kits/tests/fixtures").join(fixture), folder.path());
        copy(&repository().join("deploy"), &folder.path().join("aws-event-cache"));
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the root kustomization and builds it.
    pub fn build(&self, root: &str) -> Result<String, String> {
        fs::write(self.path().join("kustomization.yml"), root).unwrap();
        build(self.path())
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// Every file below a folder of the repository.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let mut todo = vec![repository().join(folder)];
    let mut files = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The fenced blocks of a language in a document, without the indentation of a list that they stand in.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() == format!("```{language}") {
            let indent = line.len() - line.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect());
        }
    }
    blocks
}
