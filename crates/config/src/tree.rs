//! YAML as a tree in which every key and value knows its line and column and every scalar its exact text.
//!
//! The text matters: an account id written without quotes is a number to most YAML readers, and its leading zero is gone before anybody can complain. So
//! this is built on the parser's events, before any scalar has become a number or a Boolean.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::mistake::cut;

/// Where something stands in the file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A value of a YAML file.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) text: String,
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a section of keys",
        }
    }

    /// The value of a key, if this is a section that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    fn weight(&self) -> usize {
        match &self.value {
            Value::Null | Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Node::weight).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|(_, node)| 1 + node.weight()).sum::<usize>(),
        }
    }
}

/// What is wrong with the file as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) place: Option<Place>,
    pub(crate) problem: String,
}

impl Flaw {
    fn at(place: Place, problem: impl Into<String>) -> Self {
        Self { place: Some(place), problem: problem.into() }
    }
}

/// Longest file read, in bytes: ten thousand accounts fit, and a file given by mistake does not fill the memory.
pub(crate) const FILE_LIMIT: usize = 4 * 1024 * 1024;
/// Deepest nesting taken; the deepest key of ours is at level 6.
const DEPTH_LIMIT: usize = 32;
/// Most values taken, those that aliases repeat included: it makes a file of nested aliases ("billion laughs") harmless.
const NODE_LIMIT: usize = 1_000_000;

/// Reads the one document of a file. With flaws the tree holds what could be read, `None` when that is nothing.
pub(crate) fn parse(text: &str) -> (Option<Node>, Vec<Flaw>) {
    if text.len() > FILE_LIMIT {
        let problem = format!("the file is longer than {FILE_LIMIT} bytes");
        return (None, vec![Flaw { place: None, problem }]);
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                let place = Place { line: span.start.line(), column: span.start.col() + 1 };
                if let Err(flaw) = builder.take(event, place) {
                    builder.flaws.push(flaw);
                    return (None, builder.flaws);
                }
            }
            Err(error) => {
                let place = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                builder.flaws.push(Flaw::at(place, format!("this is not valid YAML: {}", error.info())));
                return (None, builder.flaws);
            }
        }
    }
    (builder.root, builder.flaws)
}

/// A list or section that has been begun.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, lines: BTreeMap<String, usize>, merged: Vec<Node>, key: Option<Key> },
}

#[derive(Default)]
struct Builder {
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    flaws: Vec<Flaw>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Flaw> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Flaw::at(place, "a second document begins here; the file must hold one"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
                    text => Value::Scalar { text: text.to_owned(), plain },
                };
                self.place(Node { place, value }, anchor)
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(node) => {
                    let node = Node { place, value: node.value.clone() };
                    self.place(node, 0)
                }
                None => Err(Flaw::at(place, "this alias refers to a value that it is itself part of")),
            },
            Event::SequenceStart(_, anchor, _) => self.open(place, anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let content =
                    Content::Map { entries: Vec::new(), lines: BTreeMap::new(), merged: Vec::new(), key: None };
                self.open(place, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => Ok(()),
        }
    }

    fn open(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), Flaw> {
        if let Some(Open { content: Content::Map { key: None, .. }, .. }) = self.stack.last() {
            return Err(Flaw::at(place, "a key must be a single word, not a list or section"));
        }
        if self.stack.len() >= DEPTH_LIMIT {
            return Err(Flaw::at(place, format!("the file is nested deeper than {DEPTH_LIMIT} levels")));
        }
        self.stack.push(Open { place, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Flaw> {
        let Some(Open { place, anchor, content }) = self.stack.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, lines, merged, .. } => Value::Map(merge(entries, lines, merged)),
        };
        self.place(Node { place, value }, anchor)
    }

    /// Puts a finished value where it belongs: into the list or section that is open, or at the top.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        self.nodes += node.weight();
        if self.nodes > NODE_LIMIT {
            return Err(Flaw::at(
                node.place,
                format!("the file holds more than {NODE_LIMIT} values, aliases included"),
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, lines, merged, key } => match key.take() {
                None => *key = Some(as_key(node)?),
                Some(k) if k.text == "<<" => merged.push(node),
                Some(k) => {
                    if let Some(first) = lines.get(&k.text) {
                        let problem =
                            format!("the key {} stands here a second time; first in line {first}", cut(&k.text));
                        self.flaws.push(Flaw::at(k.place, problem));
                    } else {
                        lines.insert(k.text.clone(), k.place.line);
                        entries.push((k, node));
                    }
                }
            },
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<Key, Flaw> {
    match node.value {
        Value::Scalar { text, .. } => Ok(Key { place: node.place, text }),
        Value::Null => Ok(Key { place: node.place, text: String::new() }),
        Value::List(_) | Value::Map(_) => {
            Err(Flaw::at(node.place, "a key must be a single word, not a list or section"))
        }
    }
}

/// YAML's merge key `<<`: what the section says itself goes before what it takes over.
fn merge(mut entries: Vec<(Key, Node)>, mut lines: BTreeMap<String, usize>, merged: Vec<Node>) -> Vec<(Key, Node)> {
    for source in merged {
        let sources = match source.value {
            Value::List(items) => items,
            _ => vec![source],
        };
        for node in sources {
            let Value::Map(others) = node.value else { continue };
            for (key, value) in others {
                if !lines.contains_key(&key.text) {
                    lines.insert(key.text.clone(), key.place.line);
                    entries.push((key, value));
                }
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar<'a>(root: &'a Node, path: &[&str]) -> &'a str {
        let node = path.iter().fold(root, |node, key| node.get(key).unwrap());
        match &node.value {
            Value::Scalar { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_exact_text() {
        let (root, flaws) = parse("a: 012345678901\nb: '012'\nc: 1e3\nd: no\n");
        let root = root.unwrap();
        assert!(flaws.is_empty());
        assert_eq!(scalar(&root, &["a"]), "012345678901");
        assert_eq!(scalar(&root, &["c"]), "1e3");
        assert_eq!(scalar(&root, &["d"]), "no");
        assert!(matches!(root.get("b").unwrap().value, Value::Scalar { plain: false, .. }));
    }

    #[test]
    fn places_count_from_one() {
        let (root, _) = parse("a:\n  bee: 1\n");
        let root = root.unwrap();
        let Value::Map(entries) = &root.get("a").unwrap().value else { panic!() };
        assert_eq!(entries[0].0.place, Place { line: 2, column: 3 });
        assert_eq!(entries[0].1.place, Place { line: 2, column: 8 });
    }

    #[test]
    fn a_key_that_stands_twice_is_a_flaw_and_reading_goes_on() {
        let (root, flaws) = parse("a: 1\nb: 2\na: 3\nb: 4\n");
        assert_eq!(flaws.len(), 2);
        assert_eq!(flaws[0].place, Some(Place { line: 3, column: 1 }));
        assert!(flaws[0].problem.contains("line 1"), "{}", flaws[0].problem);
        assert_eq!(scalar(&root.unwrap(), &["a"]), "1");
    }

    #[test]
    fn aliases_and_merge_keys_are_followed_and_own_keys_win() {
        let (root, flaws) = parse("base: &base {x: 1, y: 2}\nmine:\n  <<: *base\n  y: 3\n");
        let root = root.unwrap();
        assert!(flaws.is_empty());
        assert_eq!(scalar(&root, &["mine", "x"]), "1");
        assert_eq!(scalar(&root, &["mine", "y"]), "3");
    }

    #[test]
    fn nested_aliases_cannot_fill_the_memory() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        let (root, flaws) = parse(&text);
        assert!(root.is_none());
        assert!(flaws[0].problem.contains("aliases included"), "{}", flaws[0].problem);
    }

    #[test]
    fn deep_nesting_long_files_and_second_documents_are_refused() {
        assert!(parse(&"[".repeat(5_000)).0.is_none());
        assert!(parse(&"#".repeat(FILE_LIMIT + 1)).1[0].problem.contains("longer"));
        assert!(parse("a: 1\n---\nb: 2\n").1[0].problem.contains("second document"));
    }

    #[test]
    fn a_syntax_error_says_where_it_is() {
        let (_, flaws) = parse("a: 1\nb: [1, 2\nc: 3\n");
        assert!(flaws[0].place.is_some_and(|place| place.line >= 2), "{flaws:?}");
    }
}
