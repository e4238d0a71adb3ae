//! Which runs are owed durably: what must be written before a message may be acknowledged, and for which commit a duplicate has to wait.
//!
//! Invariants, tested: an agent has at most one debt; a debt is written again only when it became more urgent or its commit failed; a duplicate names the commit
//! that its debt was written in, which may still be under way.

use std::collections::HashMap;

use aws_event_cache_model::{AgentName, Cause, Class, Record, Resources};

/// Number of a commit: all records that were handed over at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Commit(u64);

/// The debts.
#[derive(Debug, Default)]
pub(crate) struct Debts {
    /// `None`: was found in the store at start.
    owed: HashMap<AgentName, (Class, Option<Commit>)>,
    next: u64,
}

impl Debts {
    /// What was found in the store.
    pub(crate) fn recover(&mut self, agent: AgentName, class: Class) {
        self.owed.insert(agent, (class, None));
    }

    /// Notes a debt. Returns the commit to wait for (`None`: long since durable), and a record if one has to be written in it.
    pub(crate) fn owe(
        &mut self,
        agent: &AgentName,
        class: Class,
        resources: &Resources,
        cause: &Cause,
    ) -> (Option<Commit>, Option<Record>) {
        if let Some((owed, commit)) = self.owed.get(agent)
            && *owed >= class
        {
            return (*commit, None);
        }
        let commit = Commit(self.next);
        self.owed.insert(agent.clone(), (class, Some(commit)));
        let (resources, cause) = (resources.clone(), cause.clone());
        (Some(commit), Some(Record::Owed { agent: agent.clone(), class, resources, cause }))
    }

    /// The debt is paid, or has become a visible failure. Returns the record of it, if there was one.
    pub(crate) fn settle(&mut self, agent: &AgentName) -> Option<Record> {
        self.owed.remove(agent).map(|_| Record::Settled { agent: agent.clone() })
    }

    /// The commit that the next records will be in.
    pub(crate) fn upcoming(&self) -> Commit {
        Commit(self.next)
    }

    /// The records so far are handed over as this commit; later ones belong to the next.
    pub(crate) fn seal(&mut self) -> Commit {
        self.next += 1;
        Commit(self.next - 1)
    }

    /// A commit failed: what was in it is not durable, and is written again when it is next asked for.
    pub(crate) fn failed(&mut self, commit: Commit) {
        self.owed.retain(|_, (_, written)| *written != Some(commit));
    }

    /// How many runs are owed.
    pub(crate) fn len(&self) -> usize {
        self.owed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, at};

    fn owe(debts: &mut Debts, class: Class) -> (Option<Commit>, bool) {
        let (commit, record) =
            debts.owe(&testing::agent("prod").name, class, &Resources::default(), &Cause::own("test", at(0)));
        (commit, record.is_some())
    }

    #[test]
    fn a_duplicate_costs_no_record_and_names_the_first_ones_commit() {
        let mut debts = Debts::default();
        let (first, written) = owe(&mut debts, Class::Event);
        assert!(written && debts.seal() == first.unwrap());
        assert_eq!(owe(&mut debts, Class::Event), (first, false));
        assert_eq!(owe(&mut debts, Class::Settle), (first, false));
    }

    #[test]
    fn what_becomes_more_urgent_or_was_not_committed_is_written_again() {
        let mut debts = Debts::default();
        let first = owe(&mut debts, Class::Event).0;
        debts.seal();
        let (second, written) = owe(&mut debts, Class::Operator);
        assert!(written && second > first);
        debts.failed(first.unwrap());
        assert!(!owe(&mut debts, Class::Event).1, "only what was in the failed commit");
        debts.failed(second.unwrap());
        assert!(owe(&mut debts, Class::Event).1);
    }

    #[test]
    fn a_debt_found_in_the_store_needs_no_waiting() {
        let mut debts = Debts::default();
        debts.recover(testing::agent("prod").name.clone(), Class::Event);
        assert_eq!(owe(&mut debts, Class::Event), (None, false));
        assert!(debts.settle(&testing::agent("prod").name).is_some());
        assert!(debts.settle(&testing::agent("prod").name).is_none());
    }
}
