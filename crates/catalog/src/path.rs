//! Where in a message the names are: a path, then filters.
//!
//! ```text
//! rule  = path { " | " filter }
//! path  = key { "." key | "[]" | "[" number "]" }
//! ```
//!
//! `[]` stands for every item of a list. Keys hold anything but `.`, `[`, `]` and `|`. Only texts are names: numbers, maps and nulls are passed over, and
//! so are paths that lead nowhere, since every one of these messages comes in several shapes.
//!
//! Invariants, tested against arbitrary JSON: evaluation never panics, gives at most [`NAMES_LIMIT`] names, and gives no name twice.

use std::borrow::Cow;
use std::fmt;

use aws_event_cache_model::{Names, ResourceName};
use serde_json::Value;
use smol_str::SmolStr;

use crate::filter::Filter;

/// More names than this become "any of the kind": one listing is then cheaper for AWS than as many single reads.
pub const NAMES_LIMIT: usize = 64;

/// Longest path taken: AWS nests its parameters five deep, and evaluation recurses once per step.
const STEPS_LIMIT: usize = 16;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(SmolStr),
    Index(usize),
    Every,
}

/// A way through a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    steps: Vec<Step>,
}

/// Whether keys are compared as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Exactly.
    Exact,
    /// Without regard to case: Auto Scaling's own notifications come in several spellings.
    Folded,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (key, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
            if key.is_empty() || key.contains(']') {
                return Err(format!("{text:?} is not a path such as req.items[].id"));
            }
            steps.push(Step::Key(SmolStr::new(key)));
            while !rest.is_empty() {
                let Some((inner, after)) = rest.strip_prefix('[').and_then(|open| open.split_once(']')) else {
                    return Err(format!("{text:?} has a bracket that is not closed"));
                };
                steps.push(match inner {
                    "" => Step::Every,
                    number => {
                        Step::Index(number.parse().map_err(|_| format!("{inner:?} in {text:?} is not a number"))?)
                    }
                });
                rest = after;
            }
        }
        if steps.len() > STEPS_LIMIT {
            return Err(format!("{text:?} has more than {STEPS_LIMIT} steps"));
        }
        Ok(Self { steps })
    }

    /// The first key.
    pub(crate) fn root(&self) -> &str {
        match self.steps.first() {
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// The same path from another root.
    pub(crate) fn with_root(mut self, root: &str) -> Self {
        if let Some(first) = self.steps.first_mut() {
            *first = Step::Key(SmolStr::new(root));
        }
        self
    }

    /// Hands every text that the path leads to, until `take` says to stop.
    pub(crate) fn each<'v>(&self, value: &'v Value, case: Case, take: &mut dyn FnMut(&'v str) -> Go) -> Go {
        walk(&self.steps, value, case, take)
    }

    /// The first text that the path leads to.
    pub(crate) fn first<'v>(&self, value: &'v Value, case: Case) -> Option<&'v str> {
        let mut found = None;
        self.each(value, case, &mut |text| {
            found = Some(text);
            Go::Stop
        });
        found
    }
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    Stop,
}

fn walk<'v>(steps: &[Step], value: &'v Value, case: Case, take: &mut dyn FnMut(&'v str) -> Go) -> Go {
    let Some((step, rest)) = steps.split_first() else {
        return match value {
            Value::String(text) if !text.is_empty() => take(text),
            _ => Go::On,
        };
    };
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => {
            let next = match case {
                Case::Exact => map.get(key.as_str()),
                Case::Folded => map.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v),
            };
            next.map_or(Go::On, |next| walk(rest, next, case, take))
        }
        (Step::Index(n), Value::Array(items)) => items.get(*n).map_or(Go::On, |item| walk(rest, item, case, take)),
        (Step::Every, Value::Array(items)) => {
            for item in items {
                if walk(rest, item, case, take) == Go::Stop {
                    return Go::Stop;
                }
            }
            Go::On
        }
        _ => Go::On,
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if n == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Every => f.write_str("[]")?,
            }
        }
        Ok(())
    }
}

/// A path and what is made of the texts it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRule {
    pub(crate) path: Path,
    pub(crate) filters: Vec<Filter>,
}

impl NameRule {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong, and the nearest valid word if there is one.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        let mut parts = text.split(" | ").map(str::trim);
        let path = Path::parse(parts.next().unwrap_or_default()).map_err(|problem| (problem, None))?;
        Ok(Self { path, filters: parts.map(Filter::parse).collect::<Result<_, _>>()? })
    }

    fn name<'v>(&self, text: &'v str) -> Option<Cow<'v, str>> {
        self.filters.iter().try_fold(Cow::Borrowed(text), |text, filter| filter.apply(text))
    }
}

impl fmt::Display for NameRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        self.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))
    }
}

/// What the rules found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// These, at least one.
    Some(Vec<ResourceName>),
    /// More than [`NAMES_LIMIT`].
    TooMany,
    /// None.
    None,
}

impl From<Named> for Names {
    fn from(named: Named) -> Self {
        match named {
            Named::Some(names) => Self::Some(names),
            Named::TooMany | Named::None => Self::Any,
        }
    }
}

/// What the rules found, and whether that is all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) named: Named,
    /// The rule that gave the names, or else any of them, was led to texts that are no names of this kind.
    pub(crate) passed_over: bool,
}

/// The names that the first rule giving any gives.
pub(crate) fn names(rules: &[NameRule], value: &Value, case: Case) -> Told {
    let mut passed_over = false;
    for rule in rules {
        let told = names_of(rule, value, case);
        if told.named != Named::None {
            return told;
        }
        passed_over |= told.passed_over;
    }
    Told { named: Named::None, passed_over }
}

fn names_of(rule: &NameRule, value: &Value, case: Case) -> Told {
    let mut found: Vec<ResourceName> = Vec::new();
    let (mut too_many, mut passed_over) = (false, false);
    rule.path.each(value, case, &mut |text| {
        let Some(name) = rule.name(text).and_then(|name| ResourceName::new(&name).ok()) else {
            passed_over = true;
            return Go::On;
        };
        if found.contains(&name) {
            return Go::On;
        }
        if found.len() == NAMES_LIMIT {
            too_many = true;
            return Go::Stop;
        }
        found.push(name);
        Go::On
    });
    let named = match (too_many, found.is_empty()) {
        (true, _) => Named::TooMany,
        (false, true) => Named::None,
        (false, false) => Named::Some(found),
    };
    Told { named, passed_over }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn named(rules: &[NameRule], value: &Value, case: Case) -> Named {
        names(rules, value, case).named
    }

    fn found(rule: &str, value: &Value) -> Vec<String> {
        match named(&[NameRule::parse(rule).unwrap()], value, Case::Exact) {
            Named::Some(names) => names.iter().map(|name| name.as_str().to_owned()).collect(),
            Named::TooMany | Named::None => Vec::new(),
        }
    }

    #[test]
    fn a_path_reads_keys_indexes_and_every_item() {
        let value = json!({"a": {"items": [{"id": "w-1"}, {"id": 5}, {"other": 1}, {"id": "w-2"}, {"id": "w-1"}]}, "r": ["x", "y"]});
        assert_eq!(found("a.items[].id", &value), ["w-1", "w-2"]);
        assert_eq!(found("a.items[3].id", &value), ["w-2"]);
        assert_eq!(found("r[1]", &value), ["y"]);
        assert_eq!(found("a.items[].id | after(w-)", &value), ["1", "2"]);
        assert!(found("a.items.id", &value).is_empty());
    }

    #[test]
    fn the_first_rule_that_finds_names_wins() {
        let rules = [NameRule::parse("a").unwrap(), NameRule::parse("b").unwrap()];
        let one = |text: &str| Named::Some(vec![ResourceName::new(text).unwrap()]);
        assert_eq!(named(&rules, &json!({"a": "x", "b": "y"}), Case::Exact), one("x"));
        assert_eq!(named(&rules, &json!({"a": "", "b": "y"}), Case::Exact), one("y"));
        assert_eq!(named(&rules, &json!({"A": "x"}), Case::Exact), Named::None);
        assert_eq!(named(&rules, &json!({"A": "x"}), Case::Folded), one("x"));
    }

    #[test]
    fn more_names_than_the_limit_mean_any() {
        let rule = [NameRule::parse("a[]").unwrap()];
        let ids = |n: usize| json!({"a": (0..n).map(|i| format!("w-{i}")).collect::<Vec<_>>()});
        assert!(matches!(named(&rule, &ids(NAMES_LIMIT), Case::Exact), Named::Some(list) if list.len() == NAMES_LIMIT));
        assert_eq!(named(&rule, &ids(NAMES_LIMIT + 1), Case::Exact), Named::TooMany);
    }

    #[test]
    fn bad_paths_are_refused_in_words() {
        for bad in ["", ".", "a..b", "a[", "a[x]", "a]b", "[0]"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
        assert!(Path::parse(&"a.".repeat(40)).is_err());
    }

    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            "[a-c:/-]{0,6}".prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map("[a-c]", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn evaluation_is_bounded_and_never_panics(
            value in any_json(),
            path in "[a-c](\\.[a-c]|\\[\\]|\\[[0-3]\\]){0,5}",
            filter in prop::sample::select(vec![
                "", " | last-segment", " | load-balancer-arn", " | listener-arn", " | function-name", " | after(:)", " | before(/)",
            ]),
            folded in any::<bool>(),
        ) {
            let rule = NameRule::parse(&format!("{path}{filter}")).unwrap();
            let case = if folded { Case::Folded } else { Case::Exact };
            if let Named::Some(list) = named(&[rule], &value, case) {
                let mut distinct = list.clone();
                distinct.sort();
                distinct.dedup();
                prop_assert!(!list.is_empty() && list.len() <= NAMES_LIMIT && distinct.len() == list.len());
            }
        }

        #[test]
        fn a_path_is_printed_as_it_was_read(path in "[a-c](\\.[a-c]|\\[\\]|\\[[0-3]\\]){0,5}") {
            prop_assert_eq!(Path::parse(&path).unwrap().to_string(), path);
        }

        #[test]
        fn reading_a_rule_never_panics(text in ".{0,60}") {
            drop(NameRule::parse(&text));
        }
    }
}
