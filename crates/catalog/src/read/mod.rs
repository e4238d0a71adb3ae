//! From YAML to kinds, agents and services, with every error of every file at once.

mod agent;
mod fields;
mod kind;
mod operation;
mod service;

use aws_event_cache_model::KindId;

use crate::agent_spec::AgentSpec;
use crate::error::{CatalogError, shown};
use crate::kind::Kind;
use crate::service::Service;
use crate::tree;
use fields::Reader;
pub(crate) use kind::is_resource_type;

/// A name used in one file that another must define.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) to: Target,
    pub(crate) value: String,
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) field: String,
}

/// What a reference must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Kind,
    Agent,
    Service,
    Bucket,
    /// `service:api`.
    Api,
}

/// A word that only one file may have.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// What is claimed, in words that stand in the error.
    pub(crate) what: String,
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) field: String,
}

/// Event names that one rule of a kind takes for itself.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// Service, interface and kind: within one owner, every event must lead to one rule.
    pub(crate) owner: String,
    /// The name, or its start and `*`.
    pub(crate) event: String,
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) field: String,
}

/// Everything read, not yet checked against each other.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) agents: Vec<AgentSpec>,
    pub(crate) services: Vec<Service>,
    /// Every file's place, also of broken files: what they define is not missing, only wrong.
    pub(crate) keys: Vec<String>,
    pub(crate) references: Vec<Reference>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) errors: Vec<CatalogError>,
}

/// A file to read: its place in the catalogue (`kinds/widget`), what to call it in errors, and its text.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) text: String,
}

impl Source {
    /// A file named by its path below the catalogue's folder.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let key = path.strip_suffix(".yaml").or_else(|| path.strip_suffix(".yml")).unwrap_or(path);
        Self { key: key.to_owned(), label: path.to_owned(), text: text.to_owned() }
    }
}

/// Reads all files.
pub(crate) fn all(sources: &[Source]) -> Draft {
    let mut draft = Draft::default();
    for source in sources {
        draft.keys.push(source.key.clone());
        one(source, &mut draft);
    }
    draft
}

fn one(source: &Source, draft: &mut Draft) {
    let mut whole_file = |line: Option<u64>, problem: String, nearest: Option<String>| {
        let file = source.label.clone();
        draft.errors.push(CatalogError { file, line, field: String::new(), problem, nearest });
    };
    let Some((folder, stem)) = source.key.split_once('/') else {
        whole_file(None, "is not in one of the folders kinds, agents and services".to_owned(), None);
        return;
    };
    if KindId::new(stem).is_err() {
        whole_file(None, format!("{} is not a name of lower-case words joined by -", shown(stem)), None);
        return;
    }
    let node = match tree::parse(&source.text) {
        Ok(node) => node,
        Err((line, problem)) => return whole_file(line, problem, None),
    };
    let reader = Reader::new(&source.label);
    match folder {
        "kinds" => draft.kinds.extend(kind::read(&reader, stem, &node)),
        "agents" => draft.agents.extend(agent::read(&reader, stem, &node)),
        "services" => draft.services.extend(service::read(&reader, stem, &node)),
        other => {
            let near = crate::error::nearest(other, ["kinds", "agents", "services"]);
            return whole_file(None, format!("{} is not a folder of the catalogue", shown(other)), near);
        }
    }
    reader.hand_over(draft);
}
