//! The catalogue: read once, then only looked up.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use aws_event_cache_model::{BucketId, KindId, ServiceName};

use crate::agent_spec::AgentSpec;
use crate::check;
use crate::error::{CatalogError, CatalogErrors, UnknownKind, nearest};
use crate::index::Index;
use crate::kind::Kind;
use crate::read::{self, Draft, Source};
use crate::requests::Requests;
use crate::service::{Bucket, Service};
use crate::tree::FILE_LIMIT;

/// The shipped files, written by the build script: path and text.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The catalogue's folders.
const FOLDERS: [&str; 3] = ["kinds", "agents", "services"];

/// What is known about each kind, agent and service. Immutable: a changed folder gives a new catalogue.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) agents: Vec<AgentSpec>,
    pub(crate) services: Vec<Service>,
    pub(crate) index: Index,
    pub(crate) requests: Requests,
    by_id: HashMap<KindId, usize>,
    by_word: HashMap<String, usize>,
    buckets: HashMap<BucketId, Bucket>,
}

impl Catalog {
    /// The files that are part of this binary.
    pub fn shipped() -> Self {
        Self::parse(EMBEDDED.iter().copied()).expect("invariant: a test reads the shipped files")
    }

    /// The shipped files and an operator's: `kinds`, `agents` and `services` below `folder`, each of which may be missing. A file of the same name replaces the
    /// shipped one.
    ///
    /// # Errors
    /// Everything that is wrong in any file, or a folder that cannot be read. Nothing is applied in part.
    pub fn with_folder(folder: &Path) -> Result<Self, CatalogErrors> {
        let mut sources: BTreeMap<String, Source> = BTreeMap::new();
        let shipped = EMBEDDED.iter().map(|(path, text)| Source::new(path, text));
        sources.extend(shipped.map(|source| (source.key.clone(), source)));
        let (found, errors) = read_folder(folder);
        sources.extend(found.into_iter().map(|source| (source.key.clone(), source)));
        Self::build(&sources.into_values().collect::<Vec<_>>(), errors)
    }

    /// Reads files given as (path, YAML text), such as `("kinds/widget.yaml", "title: …")`. Of two with one path the later wins.
    ///
    /// # Errors
    /// Everything that is wrong in any file.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, CatalogErrors> {
        let mut sources: BTreeMap<String, Source> = BTreeMap::new();
        for (path, text) in files {
            let source = Source::new(path, text);
            sources.insert(source.key.clone(), source);
        }
        Self::build(&sources.into_values().collect::<Vec<_>>(), Vec::new())
    }

    fn build(sources: &[Source], mut errors: Vec<CatalogError>) -> Result<Self, CatalogErrors> {
        let mut draft = read::all(sources);
        errors.append(&mut draft.errors);
        errors.extend(check::across(&draft));
        if !errors.is_empty() {
            errors.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            return Err(CatalogErrors(errors));
        }
        admit(&mut draft);
        let index = Index::build(&draft.kinds, &draft.services);
        let requests = Requests::build(&draft.kinds, &draft.services);
        let by_id = draft.kinds.iter().enumerate().map(|(n, kind)| (kind.id.clone(), n)).collect();
        let by_word = words(&draft.kinds);
        let buckets = draft.services.iter().flat_map(|s| &s.buckets).map(|b| (b.id.clone(), b.clone())).collect();
        let (kinds, agents, services) = (draft.kinds, draft.agents, draft.services);
        Ok(Self { kinds, agents, services, index, requests, by_id, by_word, buckets })
    }

    /// Every kind, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter()
    }

    /// The kind of this name.
    pub fn kind(&self, id: &KindId) -> Option<&Kind> {
        self.by_id.get(id).map(|n| &self.kinds[*n])
    }

    /// The kind that somebody means by a word: its name, an alias, or an AWS Config type, in any case.
    ///
    /// # Errors
    /// [`UnknownKind`], with the nearest known word.
    pub fn find_kind(&self, word: &str) -> Result<&Kind, UnknownKind> {
        if let Some(n) = self.by_word.get(&word.to_lowercase()) {
            return Ok(&self.kinds[*n]);
        }
        let word: String = word.chars().take(80).collect();
        let mut words: Vec<&str> = self.by_word.keys().map(String::as_str).collect();
        words.sort_unstable();
        Err(UnknownKind { nearest: nearest(&word, words), word })
    }

    /// Every sort of agent, by name.
    pub fn agents(&self) -> impl Iterator<Item = &AgentSpec> {
        self.agents.iter()
    }

    /// Every service, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter()
    }

    /// The service of this name.
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// The service behind a CloudTrail `eventSource`.
    pub fn service_of_event_source(&self, source: &str) -> Option<&Service> {
        self.index.calls.get(source).and_then(|calls| self.services.get(calls.service))
    }

    /// A throttle bucket.
    pub fn bucket(&self, id: &BucketId) -> Option<&Bucket> {
        self.buckets.get(id)
    }

    /// Every error code by which some service refuses calls for their rate.
    pub fn names_of_throttle_codes(&self) -> impl Iterator<Item = &str> {
        self.index.throttle_codes.iter().map(|code| code.as_str())
    }

    /// Whether an error code means that calls came too fast.
    pub fn is_throttle_code(&self, code: &str) -> bool {
        self.index.throttle_codes.contains(code)
    }
}

/// What AWS must have allowed a client is said once per service.
fn admit(draft: &mut Draft) {
    for read in draft.kinds.iter_mut().flat_map(|kind| &mut kind.reads) {
        let service = draft.services.iter().find(|service| service.name == read.service);
        read.admit = service.map_or(read.admit, |service| service.admit);
    }
}

/// Ids and aliases win over AWS Config types, of which several kinds may share one.
fn words(kinds: &[Kind]) -> HashMap<String, usize> {
    let mut by_word = HashMap::new();
    for (n, kind) in kinds.iter().enumerate() {
        for config in &kind.config {
            by_word.entry(config.resource_type.to_lowercase()).or_insert(n);
        }
    }
    for (n, kind) in kinds.iter().enumerate() {
        by_word.extend(kind.aliases.iter().map(|alias| (alias.to_lowercase(), n)));
        by_word.insert(kind.id.to_string(), n);
    }
    by_word
}

fn read_folder(root: &Path) -> (Vec<Source>, Vec<CatalogError>) {
    let (mut sources, mut errors) = (Vec::new(), Vec::new());
    if !root.is_dir() {
        errors.push(unreadable(root, "is not a folder that can be read"));
    }
    for folder in FOLDERS.map(|name| root.join(name)).iter().filter(|folder| folder.exists()) {
        match yaml_files(folder) {
            Ok(paths) => paths.iter().for_each(|path| match read_file(root, path) {
                Ok(source) => sources.push(source),
                Err(problem) => errors.push(unreadable(path, &problem)),
            }),
            Err(error) => errors.push(unreadable(folder, &error.to_string())),
        }
    }
    (sources, errors)
}

fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    Ok(paths.into_iter().filter(is_yaml).collect())
}

/// Reads one file, at most a little more than may be in it, so that a mistaken path to something huge does no harm.
fn read_file(root: &Path, path: &Path) -> Result<Source, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let limit = u64::try_from(FILE_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let below = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let mut source = Source::new(&below, &text);
    source.label = path.display().to_string();
    Ok(source)
}

fn unreadable(path: &Path, problem: &str) -> CatalogError {
    let file = path.display().to_string();
    CatalogError { file, line: None, field: String::new(), problem: problem.to_owned(), nearest: None }
}
