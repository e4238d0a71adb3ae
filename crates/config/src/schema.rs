//! Every key of the configuration file, as data: what it takes, its default, what it does and when one would change it.
//!
//! Each section's keys stand beside the code that reads them (`sections/*.rs`). This table is the only source of names, defaults and ranges: reading,
//! unknown-key messages, the reference page and the check of the shipped example all use it.

use std::time::Duration;

use crate::size;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Path from the top of the file; `*` stands for any name, `[]` for every item of a list.
    pub path: &'static str,
    /// What it takes.
    pub form: Form,
    /// What holds when it is not given.
    pub default: Default,
    /// What it does.
    pub what: &'static str,
    /// When one would change it.
    pub when: &'static str,
    /// When a change takes effect.
    pub effect: Effect,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A time with its unit, within these limits (seconds).
    Duration {
        /// At least, in seconds.
        least: f64,
        /// At most, in seconds.
        most: f64,
    },
    /// A number within these limits.
    Number {
        /// At least.
        least: f64,
        /// At most.
        most: f64,
    },
    /// An amount of memory with its unit, within these limits (bytes).
    Size {
        /// At least, in bytes.
        least: u64,
        /// At most, in bytes.
        most: u64,
    },
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Text of a certain form.
    Text(&'static str),
    /// A text, `{file: PATH}` or `{env: NAME}`; never shown.
    Secret(&'static str),
    /// Further keys.
    Section,
    /// A list of single values.
    Values(&'static str),
    /// A list of sections, whose keys are described by the path followed by `[]`.
    List(&'static str),
    /// A section whose keys are names, described by the path followed by `.*`.
    Named(&'static str),
}

/// What holds when a key is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// As if this had been written.
    Is(&'static str),
    /// It must be given.
    Required,
    /// Nothing; the text says what that means.
    None(&'static str),
    /// What the environment's own shipped profile says, or the profile named by `like`.
    OfProfile,
}

/// When a change of a key takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// When the process gets SIGHUP.
    Reload,
    /// At the next start.
    Restart,
}

impl Form {
    /// For messages and the reference page: what one may write.
    pub fn describe(&self) -> String {
        match self {
            Self::Duration { least, most } => {
                format!("a time from {} to {}, such as 30s, 5m, 250ms or 2h", seconds(*least), seconds(*most))
            }
            Self::Number { least, most } => format!("a number from {least} to {most}"),
            Self::Size { least, most } => {
                format!("a size from {} to {}, such as 64KiB, 512MiB or 2GiB", size::show(*least), size::show(*most))
            }
            Self::Flag => "true or false".to_owned(),
            Self::Words(words) => format!("one of {}", words.join(", ")),
            Self::Text(what) => (*what).to_owned(),
            Self::Secret(what) => format!("{what}, as {{file: PATH}} or {{env: NAME}}"),
            Self::Section => "a section of keys".to_owned(),
            Self::Values(of) | Self::List(of) => format!("a list of {of}"),
            Self::Named(of) => format!("a section with one entry for each {of}"),
        }
    }
}

fn seconds(value: f64) -> String {
    crate::duration::show(Duration::from_secs_f64(value))
}

/// Every key, section by section.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    crate::sections::KEYS.iter().flat_map(|section| section.iter())
}

/// The key with exactly this path (with `*` and `[]`).
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    keys().find(|key| key.path == path)
}

/// The names that may stand directly under a path; a `*` among them stands for any name.
pub(crate) fn names_under(path: &str) -> Vec<&'static str> {
    let name = |key: &'static Key| match key.path.rsplit_once('.') {
        Some((parent, name)) => (parent == path).then_some(name),
        None => path.is_empty().then_some(key.path),
    };
    keys().filter_map(name).filter(|name| !name.ends_with("[]")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn paths_are_unique_and_every_path_has_its_parent() {
        let mut seen = BTreeSet::new();
        for key in keys() {
            assert!(seen.insert(key.path), "{} stands twice", key.path);
            if let Some((parent, _)) = key.path.rsplit_once('.') {
                assert!(seen.contains(parent), "{} has no section {parent} before it", key.path);
            }
            if let Some(list) = key.path.strip_suffix("[]") {
                assert!(seen.contains(list), "{}", key.path);
            }
        }
    }

    #[test]
    fn every_key_says_what_it_does_and_when_one_would_change_it() {
        for key in keys() {
            assert!(key.what.ends_with('.'), "{}: {}", key.path, key.what);
            let leaf = !matches!(key.form, Form::Section) && !key.path.ends_with(['*', ']']);
            assert!(!leaf || key.when.ends_with('.'), "{}: {}", key.path, key.when);
        }
    }
}
