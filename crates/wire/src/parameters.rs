//! A call's parameters, flat.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::structure::Kind;

/// Every leaf by its path, sorted: `Filter.1.Value.2`. The query protocol's `.member.` is left out (`Foo.member.1` is `Foo.1`), JSON arrays count from 1,
/// REST brings its path's labels, its query string and its JSON body. In names of JSON a dot is written `\.`, so that no name can pass for a path.
///
/// Two are equal if they say the same, in whatever order it was written.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// All paths and values; one allocation instead of two for each.
    text: String,
    leaves: Vec<Leaf>,
}

/// Where a leaf stands in the text.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    path: Span,
    /// The path as the protocol writes it, from which alone the request can be told: the flat path, unless that leaves something out.
    exact: Span,
    value: Span,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.exact().eq(other.exact())
    }
}

impl Parameters {
    /// Room for that many leaves and bytes of text.
    pub(crate) fn with_capacity(leaves: usize, text: usize) -> Self {
        Self { text: String::with_capacity(text), leaves: Vec::with_capacity(leaves) }
    }

    /// Every path with its value, sorted by path. Values of JSON that are no text come as they are written; null, an empty list and an empty object come as an empty text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.leaves.iter().map(|leaf| (&self.text[leaf.path.of()], &self.text[leaf.value.of()]))
    }

    /// The value at a path; the first one, where a REST query string repeats it.
    pub fn get(&self, path: &str) -> Option<&str> {
        let at = self.leaves.partition_point(|leaf| &self.text[leaf.path.of()] < path);
        self.leaves.get(at).filter(|leaf| &self.text[leaf.path.of()] == path).map(|leaf| &self.text[leaf.value.of()])
    }

    /// The values at `stem`, then those at `stem.N`, by N.
    pub fn items(&self, stem: &str) -> Vec<&str> {
        let from = self.leaves.partition_point(|leaf| &self.text[leaf.path.of()] < stem);
        let mut items: Vec<(usize, &str)> = self.leaves[from..]
            .iter()
            .map(|leaf| (&self.text[leaf.path.of()], &self.text[leaf.value.of()]))
            .take_while(|(path, _)| path.starts_with(stem))
            .filter_map(|(path, value)| match &path[stem.len()..] {
                "" => Some((0, value)),
                rest => index(rest.strip_prefix('.')?).map(|index| (index, value)),
            })
            .collect();
        items.sort_by_key(|(index, _)| *index);
        items.into_iter().map(|(_, value)| value).collect()
    }

    /// How many leaves there are.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether nothing was asked for in particular.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// As CloudTrail would show the request: nested, first letters small, lists as arrays.
    pub fn to_cloudtrail(&self) -> Value {
        let mut top = Node::default();
        for leaf in &self.leaves {
            let path = &self.text[leaf.path.of()];
            let node = parts(path).fold(&mut top, |node, part| node.inside.entry(part).or_default());
            node.value.get_or_insert_with(|| json(leaf.kind, &self.text[leaf.value.of()]));
        }
        if top.inside.is_empty() { Value::Object(Map::new()) } else { top.into_json() }
    }

    /// Kind, exact path, flat path and value of every leaf, sorted by flat path.
    pub(crate) fn exact(&self) -> impl Iterator<Item = (Kind, &str, &str, &str)> {
        self.leaves.iter().map(|leaf| {
            (leaf.kind, &self.text[leaf.exact.of()], &self.text[leaf.path.of()], &self.text[leaf.value.of()])
        })
    }

    /// Adds a leaf. `path` is what the protocol writes; `flat` is the path without what only the protocol needs, if that differs.
    pub(crate) fn push(&mut self, kind: Kind, path: &str, flat: Option<&str>, value: &str) {
        let exact = self.append(path);
        let path = flat.map_or(exact, |flat| self.append(flat));
        let value = self.append(value);
        self.leaves.push(Leaf { path, exact, value, kind });
    }

    /// How many bytes the paths and values have.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Text that comes in pieces, for [`Self::push_appended`].
    pub(crate) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// Adds a leaf whose path and value have been appended to the text.
    pub(crate) fn push_appended(&mut self, kind: Kind, path: Range<usize>, flat: Option<&str>, value: Range<usize>) {
        let exact = span(path);
        let value = span(value);
        let path = flat.map_or(exact, |flat| self.append(flat));
        self.leaves.push(Leaf { path, exact, value, kind });
    }

    /// Takes over another call's leaves.
    pub(crate) fn extend(&mut self, other: &Self) {
        for leaf in &other.leaves {
            let (path, exact) = (&other.text[leaf.path.of()], &other.text[leaf.exact.of()]);
            self.push(leaf.kind, exact, (path != exact).then_some(path), &other.text[leaf.value.of()]);
        }
    }

    /// Sorts by path; leaves of equal paths stay in their order.
    pub(crate) fn sort(&mut self) {
        let text = &self.text;
        self.leaves.sort_by(|left, right| text[left.path.of()].cmp(&text[right.path.of()]));
    }

    /// Whether a path is there twice, once sorted.
    pub(crate) fn repeats(&self) -> bool {
        self.leaves.windows(2).any(|pair| self.text[pair[0].path.of()] == self.text[pair[1].path.of()])
    }

    fn append(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        span(start..self.text.len())
    }
}

/// Requests are bounded far below four gigabytes before anything is kept of them.
fn span(range: Range<usize>) -> Span {
    let at = |place: usize| u32::try_from(place).expect("invariant: `call` refuses bodies above its limit");
    Span { start: at(range.start), end: at(range.end) }
}

/// The number of a list's item.
fn index(part: &str) -> Option<usize> {
    part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

#[derive(Default)]
struct Node<'p> {
    inside: BTreeMap<Part<'p>, Node<'p>>,
    value: Option<Value>,
}

/// Items sort by number, so that they come out in their order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'p> {
    Item(usize),
    Member(&'p str),
}

/// The parts of a path, split at dots that are not escaped.
fn parts(path: &str) -> impl Iterator<Item = Part<'_>> {
    let mut escaped = false;
    path.split(move |character| {
        let splits = character == '.' && !escaped;
        escaped = character == '\\' && !escaped;
        splits
    })
    .map(|part| index(part).map_or(Part::Member(part), Part::Item))
}

impl Node<'_> {
    fn into_json(self) -> Value {
        if self.inside.is_empty() {
            return self.value.unwrap_or(Value::Null);
        }
        // What is a list in one place and a structure in another is shown as a structure.
        if self.inside.keys().all(|part| matches!(part, Part::Item(_))) {
            return self.inside.into_values().map(Self::into_json).collect();
        }
        let name = |part| match part {
            Part::Item(index) => index.to_string(),
            Part::Member(name) => small_first(name),
        };
        Value::Object(self.inside.into_iter().map(|(part, node)| (name(part), node.into_json())).collect())
    }
}

/// CloudTrail writes the first letter small, whatever follows, and names as they are.
fn small_first(name: &str) -> String {
    let mut small = String::with_capacity(name.len());
    let mut characters = name.chars();
    small.extend(characters.next().map(|first| first.to_ascii_lowercase()));
    while let Some(character) = characters.next() {
        small.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    small
}

fn json(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Null => Value::Null,
        Kind::EmptyList => Value::Array(Vec::new()),
        Kind::EmptyMap => Value::Object(Map::new()),
        Kind::Bool => Value::Bool(text == "true"),
        Kind::Number | Kind::Inexact | Kind::Time => {
            text.parse().map(Value::Number).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        Kind::Text | Kind::Bytes | Kind::Label | Kind::Query => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters(leaves: &[(Kind, &str, &str)]) -> Parameters {
        let mut parameters = Parameters::default();
        for (kind, path, value) in leaves {
            parameters.push(*kind, path, None, value);
        }
        parameters.sort();
        parameters
    }

    #[test]
    fn a_value_is_found_by_its_path_alone() {
        let parameters = parameters(&[
            (Kind::Text, "B", "2"),
            (Kind::Text, "A.1", "1"),
            (Kind::Text, "A", ""),
            (Kind::Query, "B", "3"),
        ]);
        assert_eq!((parameters.get("A"), parameters.get("A.1"), parameters.get("B")), (Some(""), Some("1"), Some("2")));
        assert_eq!((parameters.get("A."), parameters.get("")), (None, None));
    }

    #[test]
    fn items_come_by_number_and_only_from_their_own_list() {
        let parameters = parameters(&[
            (Kind::Text, "Id.10", "ten"),
            (Kind::Text, "Id.2", "two"),
            (Kind::Text, "Id.1", "one"),
            (Kind::Text, "Id.3.Name", "inside"),
            (Kind::Text, "Id-other", "no"),
            (Kind::Text, "Ids.1", "no"),
            (Kind::Text, "Id.x", "no"),
        ]);
        assert_eq!(parameters.items("Id"), ["one", "two", "ten"]);
        assert_eq!(parameters.items("Ids"), ["no"]);
        assert!(parameters.items("Nothing").is_empty());
    }

    #[test]
    fn it_is_shown_as_cloudtrail_shows_it() {
        let parameters = parameters(&[
            (Kind::Text, "InstanceId.2", "i-2"),
            (Kind::Text, "InstanceId.10", "i-10"),
            (Kind::Text, "Filter.1.Name", "vpc-id"),
            (Kind::Text, "Filter.1.Value.1", "vpc-1"),
            (Kind::Text, "DBName", "x"),
            (Kind::Number, "count", "3"),
            (Kind::Bool, "dryRun", "true"),
            (Kind::Null, "nothing", ""),
            (Kind::EmptyList, "list", ""),
            (Kind::Text, "labels.a\\.b", "dot"),
        ]);
        assert_eq!(
            parameters.to_cloudtrail(),
            json!({
                "instanceId": ["i-2", "i-10"],
                "filter": [{"name": "vpc-id", "value": ["vpc-1"]}],
                "dBName": "x",
                "count": 3,
                "dryRun": true,
                "nothing": null,
                "list": [],
                "labels": {"a.b": "dot"},
            })
        );
        assert_eq!(Parameters::default().to_cloudtrail(), json!({}));
    }

    #[test]
    fn a_list_that_is_also_a_structure_loses_nothing() {
        let parameters = parameters(&[(Kind::Text, "A.1", "one"), (Kind::Text, "A.B", "b"), (Kind::Text, "A", "gone")]);
        assert_eq!(parameters.to_cloudtrail(), json!({"a": {"1": "one", "b": "b"}}));
    }
}
