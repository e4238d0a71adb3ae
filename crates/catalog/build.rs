//! Writes the list of shipped data files, so that adding a kind is adding a file.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders whose YAML files are embedded.
const FOLDERS: [&str; 3] = ["kinds", "agents", "services"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| missing("CARGO_MANIFEST_DIR"))?);
    let target = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| missing("OUT_DIR"))?).join("embedded.rs");
    let mut list = String::from("&[\n");
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        for file in yaml_files(&root.join(folder))? {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            list.push_str(&format!("(\"{folder}/{name}\", include_str!({:?})),\n", file.display().to_string()));
        }
    }
    list.push(']');
    fs::write(target, list)
}

/// The folder's YAML files in the order of their names, so that a build is the same everywhere.
fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn missing(name: &str) -> io::Error {
    io::Error::other(format!("cargo did not set {name}"))
}
