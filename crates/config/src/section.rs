//! Reading one section: typed values by key, every mistake collected with its place.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::kinds::KnownKinds;
use crate::mistake::Mistake;
use crate::outside::Outside;
use crate::scalar::{Bad, Scalar};
use crate::schema::{self, Default, Form, Key};
use crate::secret::Secret;
use crate::settings::Given;
use crate::tree::{Node, Place, Value};

/// What reading needs beside the tree, and where it collects what it finds.
pub(crate) struct Reading<'a> {
    pub(crate) file: &'a str,
    pub(crate) outside: &'a Outside<'a>,
    pub(crate) kinds: &'a KnownKinds,
    pub(crate) mistakes: RefCell<Vec<Mistake>>,
    pub(crate) warnings: RefCell<Vec<Mistake>>,
    pub(crate) given: RefCell<BTreeMap<String, Given>>,
}

impl Reading<'_> {
    pub(crate) fn mistake(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    fn note(&self, path: &str, key: &'static Key, value: Secret) {
        let secret = matches!(key.form, Form::Secret(_));
        self.given.borrow_mut().insert(path.to_owned(), Given { value, secret, effect: key.effect, pattern: key.path });
    }
}

/// One section of the file, there or not.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    reading: &'a Reading<'a>,
    /// As in the file: `accounts.list[2]`.
    path: String,
    /// As in the schema: `accounts.list[]`.
    pattern: String,
    node: Option<&'a Node>,
    /// Where a mistake about something missing points to.
    place: Option<Place>,
}

impl<'a> Section<'a> {
    pub(crate) fn root(reading: &'a Reading<'a>, node: Option<&'a Node>) -> Self {
        Self { reading, path: String::new(), pattern: String::new(), node, place: node.map(|n| n.place) }
    }

    pub(crate) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    fn node_of(&self, key: &str) -> Option<&'a Node> {
        self.node.and_then(|node| node.get(key)).filter(|node| !matches!(node.value, Value::Null))
    }

    fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    fn key(&self, name: &str) -> &'static Key {
        let pattern = join(&self.pattern, name);
        schema::find(&pattern).expect("invariant: every key that is read stands in the schema; a test reads them all")
    }

    /// Whether the key was given a value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.node_of(key).is_some()
    }

    /// A section in this one.
    pub(crate) fn section(&self, name: &str) -> Section<'a> {
        let node = self.node_of(name);
        Section {
            reading: self.reading,
            path: self.path_of(name),
            pattern: join(&self.pattern, name),
            node,
            place: node.map(|n| n.place).or(self.place),
        }
    }

    /// The sections in a list.
    pub(crate) fn items(&self, name: &str) -> Vec<Section<'a>> {
        let Some(Node { value: Value::List(items), .. }) = self.node_of(name) else { return Vec::new() };
        let item = |(n, node): (usize, &'a Node)| Section {
            reading: self.reading,
            path: format!("{}[{n}]", self.path_of(name)),
            pattern: format!("{}[]", join(&self.pattern, name)),
            node: Some(node),
            place: Some(node.place),
        };
        items.iter().enumerate().map(item).collect()
    }

    /// The sections of a section whose keys are names, with each name's place.
    pub(crate) fn named(&self, name: &str) -> Vec<(&'a str, Place, Section<'a>)> {
        let Some(Node { value: Value::Map(entries), .. }) = self.node_of(name) else { return Vec::new() };
        let entry = |(key, node): &'a (crate::tree::Key, Node)| {
            let section = Section {
                reading: self.reading,
                path: join(&self.path_of(name), &key.text),
                pattern: format!("{}.*", join(&self.pattern, name)),
                node: Some(node),
                place: Some(key.place),
            };
            (key.text.as_str(), key.place, section)
        };
        entries.iter().map(entry).collect()
    }

    /// The single values of a section whose keys are names, with each name's place. Wrong ones are noted and left out.
    pub(crate) fn named_values<T: Scalar>(&self, name: &str) -> Vec<(&'a str, Place, T)> {
        let Some(Node { value: Value::Map(entries), .. }) = self.node_of(name) else { return Vec::new() };
        let (key, path) = (self.key(&join(name, "*")), self.path_of(name));
        let read = |(given, node): &'a (crate::tree::Key, Node)| {
            let value = self.scalar(node, &join(&path, &given.text), key)?;
            Some((given.text.as_str(), given.place, value))
        };
        entries.iter().filter_map(read).collect()
    }

    /// The section of one name, in a section whose keys are names.
    pub(crate) fn section_named(&self, name: &str) -> Option<Section<'a>> {
        let node = self.node_of(name)?;
        Some(Section {
            reading: self.reading,
            path: self.path_of(name),
            pattern: format!("{}.*", self.pattern),
            node: Some(node),
            place: Some(node.place),
        })
    }

    /// A value: the one given, else the default. `None` when there is neither or it is wrong, which is then noted.
    pub(crate) fn value<T: Scalar>(&self, name: &str) -> Option<T> {
        let key = self.key(name);
        let text = match (self.node_of(name), key.default) {
            (Some(node), _) => return self.scalar(node, &self.path_of(name), key),
            (None, Default::Is(text)) => text,
            (None, Default::Required) => {
                self.missing(name, key);
                return None;
            }
            (None, Default::None(_) | Default::OfProfile) => return None,
        };
        self.reading.note(&self.path_of(name), key, Secret::new(text));
        Some(T::read(text, false, &key.form).expect("invariant: defaults are valid; a test reads them all"))
    }

    /// A value if it is given and right.
    pub(crate) fn given<T: Scalar>(&self, name: &str) -> Option<T> {
        let key = self.key(name);
        self.node_of(name).and_then(|node| self.scalar(node, &self.path_of(name), key))
    }

    /// A list of single values, with their places where they stand in the file. Wrong ones are noted and left out.
    pub(crate) fn values<T: Scalar>(&self, name: &str) -> Vec<(T, Option<Place>)> {
        let key = self.key(name);
        let path = self.path_of(name);
        match (self.node_of(name).map(|node| &node.value), key.default) {
            (Some(Value::List(items)), _) => {
                let read = |(n, node): (usize, &'a Node)| {
                    self.scalar(node, &format!("{path}[{n}]"), key).map(|value| (value, Some(node.place)))
                };
                items.iter().enumerate().filter_map(read).collect()
            }
            (Some(_), _) => Vec::new(), // The walk over the schema has said that it is no list.
            (None, Default::Is(texts)) => {
                let default = |text: &str| {
                    T::read(text, false, &key.form).expect("invariant: defaults are valid; a test reads them all")
                };
                texts.split(", ").map(|text| (default(text), None)).collect()
            }
            (None, Default::Required) => {
                self.missing(name, key);
                Vec::new()
            }
            (None, _) => Vec::new(),
        }
    }

    fn scalar<T: Scalar>(&self, node: &Node, path: &str, key: &'static Key) -> Option<T> {
        let Value::Scalar { text, plain } = &node.value else { return None }; // Said by the walk over the schema.
        match T::read(text, *plain, &key.form) {
            Ok(value) => {
                self.reading.note(path, key, Secret::new(text.as_str()));
                Some(value)
            }
            Err(bad) => {
                self.bad(bad, text, node.place, path);
                None
            }
        }
    }

    fn bad(&self, bad: Bad, text: &str, place: Place, path: &str) {
        let mut mistake = Mistake::new(self.reading.file, Some(place), path, bad.problem).nearest(bad.nearest);
        if !bad.hide {
            mistake = mistake.value(text);
        }
        self.reading.mistake(match bad.help {
            Some(help) => mistake.help(help),
            None => mistake,
        });
    }

    fn missing(&self, name: &str, key: &Key) {
        let problem = format!("must be given: {}", key.form.describe());
        self.reading.mistake(Mistake::new(self.reading.file, self.place, &self.path_of(name), problem));
    }

    /// A secret: `{file: PATH}`, `{env: NAME}` or the text itself.
    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        let key = self.key(name);
        let path = self.path_of(name);
        let Some(node) = self.node_of(name) else {
            if key.default == Default::Required {
                self.missing(name, key);
            }
            return None;
        };
        let fault = |place: Place, path: &str, problem: String| {
            self.reading.mistake(Mistake::new(self.reading.file, Some(place), path, problem));
        };
        let source = match &node.value {
            Value::Scalar { text, .. } => Some(Ok(text.clone())),
            Value::Map(entries) => match entries.as_slice() {
                [(k, Node { value: Value::Scalar { text, .. }, .. })] if k.text == "file" => Some(
                    self.reading.outside.read(text).map(|content| content.trim_end_matches(['\r', '\n']).to_owned()),
                ),
                [(k, Node { value: Value::Scalar { text, .. }, .. })] if k.text == "env" => {
                    let missing = || format!("the environment variable {text} is not set");
                    Some(self.reading.outside.variable(text).ok_or_else(missing))
                }
                _ => None,
            },
            _ => None,
        };
        match source {
            None => fault(node.place, &path, format!("must be {}", key.form.describe())),
            Some(Err(problem)) => fault(node.place, &path, problem),
            Some(Ok(text)) if text.is_empty() => fault(node.place, &path, "is empty".to_owned()),
            Some(Ok(text)) => {
                let secret = Secret::new(text);
                self.reading.note(&path, key, secret.clone());
                return Some(secret);
            }
        }
        None
    }

    /// Whether a secret's text stands in the configuration file itself.
    pub(crate) fn is_plain(&self, name: &str) -> bool {
        matches!(self.node_of(name), Some(Node { value: Value::Scalar { .. }, .. }))
    }

    /// Whether the key was given a list without items.
    pub(crate) fn is_empty_list(&self, name: &str) -> bool {
        matches!(self.node_of(name), Some(Node { value: Value::List(items), .. }) if items.is_empty())
    }

    /// Notes something wrong with a key, at its value if it has one.
    pub(crate) fn wrong(&self, name: &str, problem: impl Into<String>) {
        self.reading.mistake(self.about(name, problem));
    }

    /// Notes something doubtful.
    pub(crate) fn doubtful(&self, name: &str, problem: impl Into<String>) {
        let warning = self.about(name, problem);
        self.reading.warnings.borrow_mut().push(warning);
    }

    /// A mistake about a key, or about the section itself when the name is empty.
    pub(crate) fn about(&self, name: &str, problem: impl Into<String>) -> Mistake {
        let place = self.node_of(name).map(|node| node.place).or(self.place);
        let path = if name.is_empty() { self.path.clone() } else { self.path_of(name) };
        Mistake::new(self.reading.file, place, &path, problem)
    }

    /// Notes something wrong with one of the names of a section whose keys are names.
    pub(crate) fn wrong_name(&self, name: &str, word: &str, place: Place, problem: impl Into<String>) -> Mistake {
        Mistake::new(self.reading.file, Some(place), &join(&self.path_of(name), word), problem)
    }

    /// Where the section begins.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }
}

pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
