//! The configuration as a whole.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{AccountId, DriveMode, Environment, Profile};

use crate::kinds::KnownKinds;
use crate::mistake::{ConfigErrors, Mistake};
use crate::outside::Outside;
use crate::section::{Reading, Section};
use crate::sections::accounts::{self, AccountSettings};
use crate::sections::answer::{self, AnswerSettings};
use crate::sections::clouddriver::{self, ClouddriverSettings};
use crate::sections::environments::{self, Environments};
use crate::sections::intake::{self, IntakeSettings};
use crate::sections::server::{self, ServerSettings};
use crate::sections::service::{self, LogSettings};
use crate::settings::{Changed, Given, difference};
use crate::tree::{self, FILE_LIMIT, Node, Value};
use crate::walk::walk;

/// A configuration: valid by construction, every default filled in, every secret resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// Every environment's profile, the shipped ones included.
    pub profiles: BTreeMap<Environment, Profile>,
    /// The environment of accounts for which nothing says one; it has a profile.
    pub fallback: Environment,
    /// Which accounts there are.
    pub accounts: AccountSettings,
    /// Where Clouddriver is.
    pub clouddriver: ClouddriverSettings,
    /// What may be done to it.
    pub mode: DriveMode,
    /// The forward proxy that answers AWS reads from a cache.
    pub answer: AnswerSettings,
    /// Where news comes in.
    pub intake: IntakeSettings,
    /// Where we listen.
    pub server: ServerSettings,
    /// The store's file.
    pub store: PathBuf,
    /// The operator's own kinds and agents.
    pub catalog: Option<PathBuf>,
    /// The log.
    pub log: LogSettings,
    given: BTreeMap<String, Given>,
}

/// A configuration, the catalogue that it was checked against, and what is doubtful.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Shipped kinds and those of the configured folder.
    pub catalog: Catalog,
    /// Not wrong, but worth a line in the log.
    pub warnings: Vec<Mistake>,
}

impl Config {
    /// Reads a configuration file, the files that it names, and the catalogue.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong, mistakes in the operator's catalogue included.
    pub fn load(path: &Path, outside: &Outside<'_>) -> Result<Loaded, ConfigErrors> {
        let name = path.display().to_string();
        let text = read_file(path).map_err(|problem| ConfigErrors(vec![Mistake::whole_file(&name, problem)]))?;
        let (root, _) = tree::parse(&text);
        let (catalog, faults) = load_catalog(&name, root.as_ref());
        let checked = Self::parse(&name, &text, outside, &KnownKinds::of(&catalog));
        match (checked, faults.is_empty()) {
            (Ok((config, warnings)), true) => Ok(Loaded { config, catalog, warnings }),
            (Ok(_), false) => Err(ConfigErrors(faults)),
            (Err(ConfigErrors(mut mistakes)), _) => {
                mistakes.extend(faults);
                Err(ConfigErrors(mistakes))
            }
        }
    }

    /// Reads a configuration from its text; `name` is what messages call it. With the configuration come the warnings.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong, in the order of the text.
    pub fn parse(
        name: &str,
        text: &str,
        outside: &Outside<'_>,
        kinds: &KnownKinds,
    ) -> Result<(Self, Vec<Mistake>), ConfigErrors> {
        let (root, flaws) = tree::parse(text);
        let reading = Reading {
            file: name,
            outside,
            kinds,
            mistakes: RefCell::new(
                flaws.into_iter().map(|flaw| Mistake::new(name, flaw.place, "", flaw.problem)).collect(),
            ),
            warnings: RefCell::default(),
            given: RefCell::default(),
        };
        // Of a text that is no section at all every missing key would be reported besides, and say nothing.
        let config = match root.as_ref().map(|node| &node.value) {
            Some(Value::Map(_) | Value::Null) => read(&reading, root.as_ref()),
            None if reading.mistakes.borrow().is_empty() => read(&reading, None),
            None => None,
            Some(_) => {
                root.iter().for_each(|node| walk(&reading, node, "", ""));
                None
            }
        };
        let mistakes = in_order(reading.mistakes.into_inner());
        match config {
            Some(config) if mistakes.is_empty() => {
                Ok((Self { given: reading.given.into_inner(), ..config }, in_order(reading.warnings.into_inner())))
            }
            _ if mistakes.is_empty() => unreachable!("invariant: what cannot be read is a mistake"),
            _ => Err(ConfigErrors(mistakes)),
        }
    }

    /// The environment of an account that Clouddriver (or its file) names: by the first rule that fits, else the fallback.
    pub fn environment_of(&self, name: &str, account: &AccountId) -> &Environment {
        let rule = self.accounts.rules.iter().find(|rule| rule.fits(name, account));
        rule.map_or(&self.fallback, |rule| &rule.environment)
    }

    #[cfg(test)]
    pub(crate) fn given_patterns(&self) -> impl Iterator<Item = String> + '_ {
        self.given.values().map(|given| given.pattern.to_owned())
    }

    /// What differs between two configurations, and whether it takes effect at once.
    pub fn reloadable_difference(old: &Self, new: &Self) -> Vec<Changed> {
        difference(&old.given, &new.given)
    }
}

fn read(reading: &Reading<'_>, node: Option<&Node>) -> Option<Config> {
    if let Some(node) = node {
        walk(reading, node, "", "");
    }
    let root = Section::root(reading, node);
    let Environments { profiles, fallback } = environments::read(&root);
    let accounts = accounts::read(&root, &profiles, fallback.as_ref());
    let (clouddriver, mode) = clouddriver::read(&root);
    let answer = answer::read(&root, accounts.as_ref());
    let intake = intake::read(&root, &profiles);
    let server = server::read(&root);
    let service = service::read(&root);
    let service = service?;
    Some(Config {
        profiles,
        fallback: fallback?,
        accounts: accounts?,
        clouddriver: clouddriver?,
        mode: mode?,
        answer: answer?,
        intake: intake?,
        server: server?,
        store: service.store,
        catalog: service.catalog,
        log: service.log,
        given: BTreeMap::new(),
    })
}

/// In the order of the file, each once: a key that two sections look at is complained about twice.
fn in_order(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by_key(|m| (m.line, m.column));
    let mut seen: Vec<Mistake> = Vec::new();
    for mistake in mistakes {
        let last = seen.iter().rev().take_while(|m| m.line == mistake.line);
        if !last.into_iter().any(|m| *m == mistake) {
            seen.push(mistake);
        }
    }
    seen
}

fn read_file(path: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("cannot be read: {error}");
    let meta = std::fs::metadata(path).map_err(fault)?;
    if meta.is_dir() {
        return Err("is a folder, not a file".to_owned());
    }
    if meta.len() > FILE_LIMIT as u64 {
        return Err(format!("is longer than {FILE_LIMIT} bytes"));
    }
    std::fs::read_to_string(path).map_err(fault)
}

/// The shipped catalogue with the configured folder's files; the shipped one alone when those have mistakes.
fn load_catalog(name: &str, root: Option<&Node>) -> (Catalog, Vec<Mistake>) {
    let node = root.and_then(|root| root.get("catalog")).and_then(|catalog| catalog.get("folder"));
    let Some(Node { place, value: Value::Scalar { text, .. } }) = node else {
        return (Catalog::shipped(), Vec::new());
    };
    match Catalog::with_folder(Path::new(text)) {
        Ok(catalog) => (catalog, Vec::new()),
        Err(errors) => {
            let fault = |error: &aws_event_cache_catalog::CatalogError| {
                Mistake::new(name, Some(*place), "catalog.folder", error.to_string())
            };
            (Catalog::shipped(), errors.0.iter().map(fault).collect())
        }
    }
}
