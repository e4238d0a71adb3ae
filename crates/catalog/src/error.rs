//! What is wrong with a data file: where, which value, and what was probably meant.

use std::fmt;

/// One thing that is wrong in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogError {
    /// The file, as it was named to us.
    pub file: String,
    /// The line, counted from 1; `None` when the whole file is meant.
    pub line: Option<u64>,
    /// The field, as a path from the top of the file, such as `calls[2].events`; empty when the whole file is meant.
    pub field: String,
    /// What is wrong, with the value.
    pub problem: String,
    /// The valid word nearest to the one given.
    pub nearest: Option<String>,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.problem)?;
        match &self.nearest {
            Some(word) => write!(f, "; did you mean `{word}`?"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong, in the order of files and lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CatalogErrors(pub Vec<CatalogError>);

impl fmt::Display for CatalogErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// A word that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no kind is called {word:?}{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
pub struct UnknownKind {
    /// The word, cut to 80 characters.
    pub word: String,
    /// The kind whose id or alias is nearest.
    pub nearest: Option<String>,
}

/// Below this likeness (0 to 1) a suggestion confuses more than it helps.
const LIKENESS_FLOOR: f64 = 0.6;

/// The word most like `given`, if any is like it at all.
pub(crate) fn nearest<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let given = given.to_lowercase();
    let likeness = |word: &str| strsim::jaro_winkler(&given, &word.to_lowercase());
    let best = words.into_iter().map(|word| (likeness(word), word)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LIKENESS_FLOOR).then(|| best.1.to_owned())
}

/// A value as it is shown in a message: quoted, and cut so that a hostile file cannot flood a log.
pub(crate) fn shown(value: &str) -> String {
    let cut: String = value.chars().take(80).collect();
    format!("{cut:?}")
}
