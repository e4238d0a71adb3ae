//! What is wrong with a configuration file: where, which key, which value, and what was probably meant.

use std::fmt;

use crate::tree::Place;

/// One thing that is wrong, or only doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as it was named to us.
    pub file: String,
    /// The line, counted from 1; `None` when the whole file is meant.
    pub line: Option<usize>,
    /// The column, counted from 1 in characters.
    pub column: Option<usize>,
    /// The key, as a path from the top of the file, such as `accounts.list[2].accountId`; empty when the whole file is meant.
    pub key: String,
    /// The value as it was given, cut to 80 characters; `None` when there is none or it is secret.
    pub value: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// The valid key or word nearest to the one given.
    pub nearest: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    pub(crate) fn whole_file(file: &str, problem: impl Into<String>) -> Self {
        Self::new(file, None, "", problem)
    }

    pub(crate) fn new(file: &str, place: Option<Place>, key: &str, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: place.map(|p| p.line),
            column: place.map(|p| p.column),
            key: key.to_owned(),
            value: None,
            problem: problem.into(),
            nearest: None,
            help: None,
        }
    }

    pub(crate) fn value(mut self, value: &str) -> Self {
        self.value = Some(value.chars().take(SHOWN_LIMIT).collect());
        self
    }

    pub(crate) fn nearest(mut self, word: Option<String>) -> Self {
        self.nearest = word;
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        f.write_str(": ")?;
        if let Some(value) = &self.value {
            write!(f, "{value:?} ")?;
        }
        f.write_str(&self.problem)?;
        if let Some(word) = &self.nearest {
            write!(f, "; did you mean `{word}`?")?;
        }
        match &self.help {
            Some(help) if self.nearest.is_some() => write!(f, " {help}"),
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, mistake) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

/// Longest part of a value that a message shows: enough to find it, not enough to flood a log.
const SHOWN_LIMIT: usize = 80;

/// A value as it is shown in the middle of a message.
pub(crate) fn cut(value: &str) -> String {
    format!("{:?}", value.chars().take(SHOWN_LIMIT).collect::<String>())
}

/// The word nearest to `given`, unless even that is so far away that it would confuse.
///
/// Case, `-` and `_` do not count, since `table-namespace` and `hot_for` are how Spring and Rust spell what is `tableNamespace` and `hotFor` here.
pub(crate) fn nearest<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let given = plain(&given.chars().take(SHOWN_LIMIT).collect::<String>());
    let distance = |word: &&str| strsim::damerau_levenshtein(&given, &plain(word));
    let words: Vec<&str> = words.into_iter().collect();
    let best = *words.iter().min_by_key(|word| distance(word))?;
    // A third of the letters may be wrong: short words are then found after one slip, and long ones are not mixed up.
    let limit = given.chars().count().max(best.chars().count()).div_ceil(3).min(best.chars().count().saturating_sub(1));
    let limit = if best.chars().count() <= SHORT { limit.min(1) } else { limit };
    if distance(&best) <= limit {
        return Some(best.to_owned());
    }
    // `dev` for development: a beginning that fits one word only.
    let mut begun = words.into_iter().filter(|word| given.len() >= SHORT && plain(word).starts_with(&given));
    begun.next().filter(|_| begun.next().is_none()).map(str::to_owned)
}

/// Words up to this many letters are found after one slip only: with two, `off` and `on` or `log` and `foo` would be near.
const SHORT: usize = 3;

pub(crate) fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_through_other_spellings_and_slips() {
        let words = ["floor", "ceiling", "hotFor", "hotCeiling", "tableNamespace", "url"];
        for (given, meant) in [
            ("flor", "floor"),
            ("hot_for", "hotFor"),
            ("table-namespace", "tableNamespace"),
            ("uri", "url"),
            ("ceil", "ceiling"),
        ] {
            assert_eq!(nearest(given, words).as_deref(), Some(meant), "{given}");
        }
        assert_eq!(nearest("certificate", words), None);
        assert_eq!(nearest("x", words), None);
        assert_eq!(nearest("foo", ["log", "off"]), None);
        assert_eq!(nearest("hot", words), None, "it begins two words");
    }

    #[test]
    fn a_message_names_place_key_value_and_way_out() {
        let mistake =
            Mistake::new("c.yaml", Some(Place { line: 3, column: 7 }), "drive.mode", "is not one of enforce, off")
                .value("enforc")
                .nearest(Some("enforce".to_owned()));
        assert_eq!(
            mistake.to_string(),
            "c.yaml:3:7: drive.mode: \"enforc\" is not one of enforce, off; did you mean `enforce`?"
        );
    }
}
