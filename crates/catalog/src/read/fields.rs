//! Reading fields out of a YAML tree, collecting errors instead of stopping at the first.

use std::cell::RefCell;
use std::time::Duration;

use aws_event_cache_model::{BucketId, ServiceName};
use smol_str::SmolStr;

use super::{Claim, Draft, Pattern, Reference, Target};
use crate::error::{CatalogError, nearest, shown};
use crate::tree::{Key, Node, Tree};

/// Collects what one file gives beside its content: errors, references and claims.
pub(crate) struct Reader<'f> {
    file: &'f str,
    errors: RefCell<Vec<CatalogError>>,
    references: RefCell<Vec<Reference>>,
    claims: RefCell<Vec<Claim>>,
    patterns: RefCell<Vec<Pattern>>,
}

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) node: &'a Node,
    pub(crate) field: &'a str,
}

impl<'f> Reader<'f> {
    pub(crate) fn new(file: &'f str) -> Self {
        Self {
            file,
            errors: RefCell::default(),
            references: RefCell::default(),
            claims: RefCell::default(),
            patterns: RefCell::default(),
        }
    }

    pub(crate) fn file(&self) -> &'f str {
        self.file
    }

    /// Adds everything collected to the draft.
    pub(crate) fn hand_over(self, draft: &mut Draft) {
        draft.errors.extend(self.errors.into_inner());
        draft.references.extend(self.references.into_inner());
        draft.claims.extend(self.claims.into_inner());
        draft.patterns.extend(self.patterns.into_inner());
    }

    pub(crate) fn wrong(&self, line: u64, field: &str, problem: String, nearest: Option<String>) {
        let (file, field) = (self.file.to_owned(), field.to_owned());
        self.errors.borrow_mut().push(CatalogError { file, line: Some(line), field, problem, nearest });
    }

    pub(crate) fn refer(&self, to: Target, value: &str, spot: Spot<'_>) {
        let (file, field) = (self.file.to_owned(), spot.field.to_owned());
        let reference = Reference { to, value: value.to_owned(), file, line: spot.node.line, field };
        self.references.borrow_mut().push(reference);
    }

    pub(crate) fn claim(&self, what: String, spot: Spot<'_>) {
        let (file, field) = (self.file.to_owned(), spot.field.to_owned());
        self.claims.borrow_mut().push(Claim { what, file, line: spot.node.line, field });
    }

    pub(crate) fn pattern(&self, owner: &str, event: &str, spot: Spot<'_>) {
        let (file, field) = (self.file.to_owned(), spot.field.to_owned());
        let (owner, event) = (owner.to_owned(), event.to_owned());
        self.patterns.borrow_mut().push(Pattern { owner, event, file, line: spot.node.line, field });
    }

    fn expected(&self, spot: Spot<'_>, expected: &str) {
        let given = match &spot.node.value {
            Tree::Text(text) => shown(text),
            other => other.noun().to_owned(),
        };
        self.wrong(spot.node.line, spot.field, format!("{given} is not {expected}"), None);
    }

    /// A text.
    pub(crate) fn text<'a>(&self, spot: Spot<'a>) -> Option<&'a str> {
        match &spot.node.value {
            Tree::Text(text) if !text.trim().is_empty() => Some(text),
            _ => {
                self.expected(spot, "a text");
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, spot: Spot<'_>) -> bool {
        if let Tree::Bool(value) = spot.node.value {
            return value;
        }
        self.expected(spot, "true or false");
        false
    }

    /// A text that `parse` understands.
    pub(crate) fn parsed<T>(&self, spot: Spot<'_>, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(spot)?;
        let value = parse(text);
        if value.is_none() {
            self.expected(spot, expected);
        }
        value
    }

    /// A text in a little language of ours, whose reader says itself what is wrong.
    pub(crate) fn spoken<T>(
        &self,
        spot: Spot<'_>,
        parse: impl Fn(&str) -> Result<T, (String, Option<String>)>,
    ) -> Option<T> {
        match parse(self.text(spot)?) {
            Ok(value) => Some(value),
            Err((problem, near)) => {
                self.wrong(spot.node.line, spot.field, problem, near);
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, spot: Spot<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(spot)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let problem = format!("{} is not one of {}", shown(text), all.join(", "));
            self.wrong(spot.node.line, spot.field, problem, nearest(text, all));
        }
        found
    }

    /// A duration such as `30s`, `10m`, `2h`.
    pub(crate) fn duration(&self, spot: Spot<'_>) -> Option<Duration> {
        self.parsed(spot, "a duration such as 30s, 10m or 2h (at most 7 days)", duration)
    }

    /// A bucket, `service:name`, which a service's file must define.
    pub(crate) fn bucket(&self, spot: Spot<'_>) -> Option<BucketId> {
        let id = self.parsed(spot, "a bucket (service:name)", |text| {
            let (service, name) = text.split_once(':')?;
            Some(BucketId { service: ServiceName::new(service).ok()?, name: SmolStr::new(name) })
        })?;
        self.refer(Target::Bucket, &id.to_string(), spot);
        Some(id)
    }

    /// Every item of a list, each with its place; a single value stands for a list of one.
    pub(crate) fn items<'a>(&self, spot: Spot<'a>) -> Vec<(String, &'a Node)> {
        match &spot.node.value {
            Tree::List(list) => {
                list.iter().enumerate().map(|(n, node)| (format!("{}[{n}]", spot.field), node)).collect()
            }
            _ => vec![(spot.field.to_owned(), spot.node)],
        }
    }

    /// A list of what `each` reads.
    pub(crate) fn list<T>(&self, spot: Option<Spot<'_>>, each: impl Fn(Spot<'_>) -> Option<T>) -> Vec<T> {
        let Some(spot) = spot else { return Vec::new() };
        self.items(spot).iter().filter_map(|(field, node)| each(Spot { node, field })).collect()
    }

    /// A list of texts.
    pub(crate) fn texts(&self, spot: Option<Spot<'_>>) -> Vec<SmolStr> {
        self.list(spot, |spot| self.text(spot).map(SmolStr::new))
    }

    /// The entries of a map.
    pub(crate) fn entries<'a>(&self, spot: Spot<'a>) -> &'a [(Key, Node)] {
        if let Tree::Map(entries) = &spot.node.value {
            return entries;
        }
        self.expected(spot, "a map");
        &[]
    }
}

/// The fields of one map. Every field asked for is known; at the end the others are errors.
pub(crate) struct Fields<'r, 'a> {
    reader: &'r Reader<'r>,
    entries: &'a [(Key, Node)],
    line: u64,
    prefix: String,
    asked: Vec<&'static str>,
    names: Vec<String>,
}

impl<'r, 'a> Fields<'r, 'a> {
    /// Opens a map; the prefix is its place in the file, empty for the file itself.
    pub(crate) fn open(reader: &'r Reader<'r>, spot: Spot<'a>) -> Self {
        let prefix = if spot.field.is_empty() { String::new() } else { format!("{}.", spot.field) };
        let entries = reader.entries(spot);
        let names = entries.iter().map(|(key, _)| format!("{prefix}{}", key.text)).collect();
        Self { reader, entries, line: spot.node.line, prefix, asked: Vec::new(), names }
    }

    /// A field that may be missing.
    pub(crate) fn get(&mut self, name: &'static str) -> Option<Spot<'_>> {
        self.asked.push(name);
        let at = self.entries.iter().position(|(key, _)| key.text == name)?;
        Some(Spot { node: &self.entries[at].1, field: &self.names[at] })
    }

    /// A field that must be there.
    pub(crate) fn need(&mut self, name: &'static str) -> Option<Spot<'_>> {
        if !self.entries.iter().any(|(key, _)| key.text == name) {
            let field = format!("{}{name}", self.prefix);
            self.reader.wrong(self.line, &field, "is missing".to_owned(), None);
        }
        self.get(name)
    }

    /// Reports every field that nobody asked for.
    pub(crate) fn end(self) {
        for ((key, _), field) in self.entries.iter().zip(&self.names) {
            if !self.asked.contains(&key.text.as_str()) {
                let near = nearest(&key.text, self.asked.iter().copied());
                self.reader.wrong(key.line, field, "is not a field here".to_owned(), near);
            }
        }
    }
}

/// Longest duration taken: no cadence of ours is slower than a week.
const DURATION_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => number,
        "m" => number.checked_mul(60)?,
        "h" => number.checked_mul(3600)?,
        _ => return None,
    };
    Some(Duration::from_secs(seconds)).filter(|duration| *duration <= DURATION_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_a_unit() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
        for bad in ["", "30", "s", "-1s", "1d", "99999999999999999999s", "8000000m", "1 m"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
