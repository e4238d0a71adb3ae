//! Checks across files: names used must be defined, names defined must be unique.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{CatalogError, nearest, shown};
use crate::read::{Draft, Pattern, Target};

/// Everything that the files say wrongly of one another.
pub(crate) fn across(draft: &Draft) -> Vec<CatalogError> {
    let mut errors = references(draft);
    errors.extend(claims(draft));
    errors.extend(patterns(draft));
    errors
}

fn defined(draft: &Draft, target: Target) -> BTreeSet<String> {
    let files = |folder: &str| {
        let stems = draft.keys.iter().filter_map(|key| key.strip_prefix(folder)?.strip_prefix('/'));
        stems.map(str::to_owned).collect()
    };
    match target {
        Target::Kind => files("kinds"),
        Target::Agent => files("agents"),
        Target::Service => files("services"),
        Target::Bucket => draft.services.iter().flat_map(|s| &s.buckets).map(|bucket| bucket.id.to_string()).collect(),
        Target::Api => {
            let apis = draft.services.iter().flat_map(|s| s.apis.iter().map(move |api| (&s.name, &api.name)));
            apis.map(|(service, api)| format!("{service}:{api}")).collect()
        }
    }
}

fn references(draft: &Draft) -> Vec<CatalogError> {
    let targets = [
        (Target::Kind, "no kind is called"),
        (Target::Agent, "no agent is called"),
        (Target::Service, "no service is called"),
        (Target::Bucket, "no bucket is called"),
        (Target::Api, "no interface is called"),
    ];
    let mut errors = Vec::new();
    for (target, words) in targets {
        let known = defined(draft, target);
        for reference in draft.references.iter().filter(|r| r.to == target && !known.contains(&r.value)) {
            errors.push(CatalogError {
                file: reference.file.clone(),
                line: Some(reference.line),
                field: reference.field.clone(),
                problem: format!("{words} {}", shown(&reference.value)),
                nearest: nearest(&reference.value, known.iter().map(String::as_str)),
            });
        }
    }
    errors
}

/// Names of kinds are claimed by the kinds themselves as well, so that no alias shadows one.
fn claims(draft: &Draft) -> Vec<CatalogError> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for kind in &draft.kinds {
        first.insert(format!("the name {}", kind.id), kind.file.clone());
    }
    let mut errors = Vec::new();
    for claim in &draft.claims {
        match first.get(&claim.what) {
            Some(other) => errors.push(CatalogError {
                file: claim.file.clone(),
                line: Some(claim.line),
                field: claim.field.clone(),
                problem: format!("{} is taken by {other}", claim.what),
                nearest: None,
            }),
            None => {
                first.insert(claim.what.clone(), format!("{}:{}", claim.file, claim.line));
            }
        }
    }
    errors
}

/// Within a kind, a call leads to one rule: which of two would say how it changed?
fn patterns(draft: &Draft) -> Vec<CatalogError> {
    let mut errors = Vec::new();
    for (n, pattern) in draft.patterns.iter().enumerate() {
        let earlier = draft.patterns[..n].iter().find(|other| other.owner == pattern.owner && overlap(other, pattern));
        errors.extend(earlier.map(|other| CatalogError {
            file: pattern.file.clone(),
            line: Some(pattern.line),
            field: pattern.field.clone(),
            problem: format!(
                "the call {} of {} is taken by {} in line {}",
                pattern.event, pattern.owner, other.event, other.line
            ),
            nearest: None,
        }));
    }
    errors
}

/// Whether some name fits both.
fn overlap(one: &Pattern, other: &Pattern) -> bool {
    match (one.event.strip_suffix('*'), other.event.strip_suffix('*')) {
        (None, None) => one.event == other.event,
        (Some(start), None) => other.event.starts_with(start),
        (None, Some(start)) => one.event.starts_with(start),
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
    }
}
