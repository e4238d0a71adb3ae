//! The two things that reading a configuration asks of the world: environment variables and files.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest secret, certificate or key file read, in bytes: a chain of ten certificates is a quarter of it, and a device file given by mistake ends here.
const FILE_LIMIT: u64 = 256 * 1024;

type Variable<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;
type Content<'a> = Box<dyn Fn(&Path) -> Result<String, String> + 'a>;

/// Environment variables and files. Given as values, so that a check never depends on the machine it runs on unless it should.
pub struct Outside<'a> {
    variable: Variable<'a>,
    file: Content<'a>,
}

impl<'a> Outside<'a> {
    /// Takes two functions: an environment variable by name, a file's content (or why there is none) by path.
    pub fn new(
        variable: impl Fn(&str) -> Option<String> + 'a,
        file: impl Fn(&Path) -> Result<String, String> + 'a,
    ) -> Self {
        Self { variable: Box::new(variable), file: Box::new(file) }
    }

    /// The process's own environment and file system.
    pub fn process() -> Outside<'static> {
        Outside::new(|name| std::env::var(name).ok(), read_file)
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name)
    }

    pub(crate) fn read(&self, path: &str) -> Result<String, String> {
        (self.file)(Path::new(path))
    }
}

impl fmt::Debug for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("the file {} cannot be read: {error}", path.display());
    let meta = std::fs::metadata(path).map_err(fault)?;
    if !meta.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(FILE_LIMIT + 1).read_to_string(&mut text)).map_err(fault)?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(format!("the file {} is longer than {FILE_LIMIT} bytes", path.display()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_missing_and_endless_files_are_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("long");
        std::fs::write(&long, "x".repeat(FILE_LIMIT as usize + 1)).unwrap();
        assert!(read_file(folder.path()).unwrap_err().contains("is not a file"));
        assert!(read_file(&folder.path().join("none")).unwrap_err().contains("cannot be read"));
        assert!(read_file(&long).unwrap_err().contains("longer than"));
    }
}
