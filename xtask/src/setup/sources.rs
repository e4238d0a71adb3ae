//! What a build reads, as one text: another text means that it must be made again.

use std::fs;
use std::path::{Path, PathBuf};

use super::SetupError;

/// The names and contents of some files and folders of a folder, in a fixed order.
pub(super) fn of(folder: &Path, parts: &[&str]) -> Result<String, SetupError> {
    let mut todo: Vec<PathBuf> = parts.iter().map(|part| folder.join(part)).collect();
    let mut files = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).map_err(SetupError::io("read", &path))?.flatten();
            todo.extend(entries.map(|entry| entry.path()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    let mut all = String::new();
    for file in files {
        all.push_str(&format!("== {}\n", file.strip_prefix(folder).unwrap_or(&file).display()));
        all.push_str(&fs::read_to_string(&file).map_err(SetupError::io("read", &file))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_renamed_source_asks_for_a_new_build() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("src/deep")).unwrap();
        fs::write(at("pom.xml"), "pom").unwrap();
        fs::write(at("src/deep/A.java"), "a").unwrap();
        let look = || of(folder.path(), &["pom.xml", "src"]).unwrap();
        let before = look();
        assert_eq!(before, look());
        fs::write(at("src/deep/A.java"), "b").unwrap();
        let changed = look();
        fs::rename(at("src/deep/A.java"), at("src/deep/B.java")).unwrap();
        assert!(before != changed && changed != look());
    }
}
