//! From nested values to flat parameters.

use std::collections::HashSet;

use super::{DEEPEST_PATH, LARGEST_BODY, MOST_LEAVES, NotACall};
use crate::Parameters;
use crate::structure::{Kind, Step, Stop, Visit};

/// The longest path: names of AWS's members have some fifty characters, and those that people choose (labels, tags, variables) a few hundred.
const LONGEST_PATH: usize = 4096;

/// The most text of paths and values: every leaf repeats the path to it, so that a small body could ask for a lot of memory.
const MOST_TEXT: usize = 2 * LARGEST_BODY;

/// Collects the leaves of a nested body.
pub(super) struct Leaves {
    parameters: Parameters,
    /// Flat: items by their number.
    flat: String,
    /// Exact: items as `[1]`, so that no member can pass for an item.
    exact: String,
    /// How long both paths were before each step.
    back: Vec<(usize, usize)>,
    /// Hashes of the exact paths of what has leaves below it. Every path may come once only; of leaves the parameters tell. Two paths of one hash would only be refused needlessly.
    branches: HashSet<u64>,
    /// Whether nothing has been seen yet of what was entered last.
    fresh: bool,
    repeated: bool,
}

impl Leaves {
    pub(super) fn new(body: usize) -> Self {
        Self {
            parameters: Parameters::with_capacity(8, body),
            flat: String::new(),
            exact: String::new(),
            back: Vec::new(),
            branches: HashSet::new(),
            fresh: false,
            repeated: false,
        }
    }

    /// The leaves, sorted; the body must have been an object.
    pub(super) fn finish(mut self) -> Result<Parameters, NotACall> {
        self.parameters.sort();
        let is_leaf_too = |path: &str| !self.branches.is_empty() && self.branches.contains(&hash(path));
        if self.repeated
            || self.parameters.repeats()
            || self.parameters.exact().any(|(_, exact, ..)| is_leaf_too(exact))
        {
            return Err(NotACall::Repeated);
        }
        Ok(self.parameters)
    }
}

impl Visit for Leaves {
    fn enter(&mut self, step: Step<'_>) -> Result<(), Stop> {
        if self.back.len() >= DEEPEST_PATH {
            return Err(Stop::TooDeep);
        }
        if std::mem::replace(&mut self.fresh, true) && !self.branches.insert(hash(&self.exact)) {
            self.repeated = true;
        }
        self.back.push((self.flat.len(), self.exact.len()));
        match step {
            Step::Member(name) => {
                for path in [&mut self.flat, &mut self.exact] {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    push_escaped(path, name);
                }
            }
            // A list at the top: no call has one.
            Step::Item(_) if self.flat.is_empty() => return Err(Stop::Malformed),
            Step::Item(index) => {
                use std::fmt::Write as _;
                let written = write!(self.flat, ".{index}").and_then(|()| write!(self.exact, "[{index}]"));
                written.map_err(|_| Stop::Malformed)?;
            }
        }
        if self.exact.len() > LONGEST_PATH { Err(Stop::TooMany) } else { Ok(()) }
    }

    fn value(&mut self, kind: Kind, text: &str) -> Result<(), Stop> {
        self.fresh = false;
        if self.back.is_empty() {
            // No parameters at all; but a text or a list is no structure.
            return if kind == Kind::EmptyMap { Ok(()) } else { Err(Stop::Malformed) };
        }
        if kind == Kind::Inexact {
            return Err(Stop::Malformed);
        }
        if self.parameters.len() >= MOST_LEAVES || self.parameters.text_len() > MOST_TEXT {
            return Err(Stop::TooMany);
        }
        let flat = (self.flat != self.exact).then_some(self.flat.as_str());
        self.parameters.push(kind, &self.exact, flat, text);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Stop> {
        self.fresh = false;
        let (flat, exact) = self.back.pop().ok_or(Stop::Malformed)?;
        self.flat.truncate(flat);
        self.exact.truncate(exact);
        Ok(())
    }
}

fn hash(path: &str) -> u64 {
    rapidhash::v3::rapidhash_v3(path.as_bytes())
}

/// Escapes what would end a step, so that different names never give the same path.
fn push_escaped(path: &mut String, name: &str) {
    if !name.contains(['.', '\\', '[']) && !name.is_empty() {
        path.push_str(name);
        return;
    }
    for character in name.chars() {
        if matches!(character, '.' | '\\' | '[') {
            path.push('\\');
        }
        path.push(character);
    }
    if name.is_empty() {
        path.push_str("\\0");
    }
}
