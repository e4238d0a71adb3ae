//! Many checks in one test.

use std::fmt::Debug;

/// Notes what fails, and goes on: the next start of a JVM is dear.
#[derive(Default)]
pub(crate) struct Checks {
    passed: usize,
    failed: Vec<String>,
}

impl Checks {
    /// `seen` is shown when it does not hold.
    pub(crate) fn check(&mut self, what: &str, holds: bool, seen: impl Debug) {
        if holds {
            self.passed += 1;
        } else {
            self.failed.push(format!("{what}; seen: {seen:?}"));
        }
    }

    /// Both are shown when they differ.
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: &str, seen: &T, expected: &T) {
        if seen == expected {
            self.passed += 1;
        } else {
            self.failed.push(format!("{what}; seen: {seen:?}, expected: {expected:?}"));
        }
    }

    /// Fails the test if anything failed. `log` is shown then.
    pub(crate) fn end(self, log: &str) {
        let all = self.passed + self.failed.len();
        assert!(
            self.failed.is_empty(),
            "{} of {all} checks failed:\n- {}\n\nlog:\n{log}",
            self.failed.len(),
            self.failed.join("\n- ")
        );
        println!("{all} checks passed");
    }
}
