//! Operators' refreshes: what was ordered, and how far it has come.
//!
//! A small state machine for each: queued, running, and then succeeded, failed or canceled, which is final. Invariants, tested: a final refresh never changes
//! again; every agent of a refresh is in exactly one of pending, done and failed; an equal order within [`SAME_ORDER_WITHIN`] is the same refresh.

use std::collections::VecDeque;
use std::time::Duration;

use aws_event_cache_model::{AgentName, RefreshId, RefreshOrder, RefreshRecord, RefreshState, Timestamp};
use smol_str::format_smolstr;

use crate::debts::Commit;
use crate::moment::between;

/// Equal orders within this time are one: a pipeline stage or a person that sends again after a time-out gets the same refresh.
pub const SAME_ORDER_WITHIN: Duration = Duration::from_secs(10);

/// So many refreshes are remembered; final ones are forgotten first, the oldest before others.
pub const HISTORY: usize = 500;

/// What happened to one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A run was set off.
    Begun,
    /// A run that started at this time ended.
    Ran(Timestamp),
    /// It will not be run.
    Failed(&'a str),
}

/// All refreshes, newest first.
#[derive(Debug, Default)]
pub(crate) struct Refreshes {
    records: VecDeque<RefreshRecord>,
    /// In which commit the latest were written, oldest first: an equal order has to wait for the same one.
    written: VecDeque<(RefreshId, Commit)>,
    /// Those of which that commit failed: an equal order is a new one.
    unwritten: VecDeque<RefreshId>,
    open: usize,
    made: u64,
}

impl Refreshes {
    /// Takes over what was stored, newest first.
    pub(crate) fn recover(records: Vec<RefreshRecord>) -> Self {
        let open = records.iter().filter(|r| !r.state.is_final()).count();
        Self { records: records.into(), open, ..Self::default() }
    }

    /// The refresh that an equal order led to a moment ago, and the commit that it was written in (`None`: before our start).
    pub(crate) fn same(&self, order: &RefreshOrder, now: Timestamp) -> Option<(&RefreshRecord, Option<Commit>)> {
        let recent = self.records.iter().take_while(|r| between(r.requested, now) < SAME_ORDER_WITHIN);
        let mut live = recent.filter(|r| r.state != RefreshState::Canceled && !self.unwritten.contains(&r.id));
        let record = live.find(|r| r.order == *order)?;
        let commit = self.written.iter().find(|(id, _)| *id == record.id).map(|(_, commit)| *commit);
        Some((record, commit))
    }

    /// A refresh is being written in this commit.
    pub(crate) fn writing(&mut self, id: &RefreshId, commit: Commit) {
        self.written.push_back((id.clone(), commit));
        if self.written.len() > HISTORY {
            self.written.pop_front();
        }
    }

    /// A commit failed: who ordered was told so, and may order again at once.
    pub(crate) fn failed(&mut self, commit: Commit) {
        let lost = self.written.iter().filter(|(_, written)| *written == commit).map(|(id, _)| id.clone());
        self.unwritten.extend(lost);
        while self.unwritten.len() > HISTORY {
            self.unwritten.pop_front();
        }
    }

    /// Notes an order. Without agents it is done at once.
    pub(crate) fn open(
        &mut self,
        order: RefreshOrder,
        by: &str,
        pending: Vec<AgentName>,
        watched_only: bool,
        now: Timestamp,
    ) -> RefreshRecord {
        self.made += 1;
        let record = RefreshRecord {
            id: RefreshId(format_smolstr!("r{:x}-{}", now.as_millisecond(), self.made)),
            order,
            requested_by: by.to_owned(),
            requested: now,
            state: RefreshState::Queued,
            pending,
            done: Vec::new(),
            failed: Vec::new(),
            ended: None,
            watched_only,
        };
        self.records.push_front(record.clone());
        self.open += 1;
        self.bound();
        record
    }

    /// What happened to an agent. Returns the refreshes whose state changed by it.
    pub(crate) fn step(&mut self, agent: &AgentName, step: Step<'_>, now: Timestamp) -> Vec<RefreshRecord> {
        if self.open == 0 {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for record in self.records.iter_mut().filter(|r| !r.state.is_final()) {
            if advance(record, agent, step, now) {
                self.open -= usize::from(record.state.is_final());
                changed.push(record.clone());
            }
        }
        changed
    }

    /// Takes a refresh back, if it is not final. Returns it, and the agents that were still pending.
    pub(crate) fn cancel(&mut self, id: &RefreshId, now: Timestamp) -> Option<(RefreshRecord, Vec<AgentName>)> {
        let record = self.records.iter_mut().find(|r| r.id == *id)?;
        if record.state.is_final() {
            return Some((record.clone(), Vec::new()));
        }
        record.state = RefreshState::Canceled;
        record.ended = Some(now);
        self.open -= 1;
        Some((record.clone(), record.pending.clone()))
    }

    pub(crate) fn get(&self, id: &RefreshId) -> Option<&RefreshRecord> {
        self.records.iter().find(|r| r.id == *id)
    }

    /// Newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RefreshRecord> {
        self.records.iter()
    }

    /// How many are not final.
    pub(crate) fn open_count(&self) -> usize {
        self.open
    }

    fn bound(&mut self) {
        while self.records.len() > HISTORY {
            let oldest_final = self.records.iter().rposition(|r| r.state.is_final());
            let at = oldest_final.unwrap_or(self.records.len() - 1);
            if let Some(record) = self.records.remove(at) {
                self.open -= usize::from(!record.state.is_final());
            }
        }
    }
}

/// Moves one refresh on. Returns whether its state changed; single agents of many are not worth a record each.
fn advance(record: &mut RefreshRecord, agent: &AgentName, step: Step<'_>, now: Timestamp) -> bool {
    let Some(at) = record.pending.iter().position(|pending| pending == agent) else { return false };
    match step {
        Step::Begun => {}
        Step::Ran(started) if started < record.requested => return false,
        Step::Ran(_) => record.done.push(record.pending.swap_remove(at)),
        Step::Failed(why) => record.failed.push((record.pending.swap_remove(at), why.to_owned())),
    }
    let state = match (record.pending.is_empty(), record.failed.is_empty()) {
        (false, _) => RefreshState::Running,
        (true, true) => RefreshState::Succeeded,
        (true, false) => RefreshState::Failed,
    };
    if state.is_final() {
        record.ended = Some(now);
    }
    std::mem::replace(&mut record.state, state) != state
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::Class;

    use super::*;
    use crate::testing::at;

    fn order(account: &str) -> RefreshOrder {
        RefreshOrder {
            accounts: Some(vec![account.to_owned()]),
            regions: None,
            kinds: None,
            name: None,
            class: Class::Operator,
        }
    }

    fn agent(n: u8) -> AgentName {
        AgentName::new(format!("agent-{n}")).unwrap()
    }

    #[test]
    fn a_refresh_goes_from_queued_over_running_to_succeeded() {
        let mut refreshes = Refreshes::default();
        let id = refreshes.open(order("prod"), "me", vec![agent(1), agent(2)], false, at(100)).id;
        assert!(refreshes.step(&agent(1), Step::Ran(at(99)), at(101)).is_empty(), "a run from before does not count");
        assert_eq!(refreshes.step(&agent(1), Step::Begun, at(101))[0].state, RefreshState::Running);
        assert!(refreshes.step(&agent(1), Step::Ran(at(101)), at(103)).is_empty());
        assert_eq!(refreshes.step(&agent(2), Step::Ran(at(102)), at(104))[0].state, RefreshState::Succeeded);
        let record = refreshes.get(&id).unwrap();
        assert_eq!((record.pending.len(), record.done.len(), record.ended), (0, 2, Some(at(104))));
        assert_eq!(refreshes.open_count(), 0);
    }

    #[test]
    fn one_agent_that_fails_makes_the_refresh_fail_when_all_are_through() {
        let mut refreshes = Refreshes::default();
        refreshes.open(order("prod"), "me", vec![agent(1), agent(2)], false, at(0));
        assert_eq!(refreshes.step(&agent(1), Step::Failed("no lock"), at(1))[0].state, RefreshState::Running);
        let ended = refreshes.step(&agent(2), Step::Ran(at(1)), at(2));
        assert_eq!((ended[0].state, ended[0].failed[0].1.as_str()), (RefreshState::Failed, "no lock"));
    }

    #[test]
    fn an_equal_order_waits_for_the_same_commit_and_is_a_new_one_if_that_failed() {
        let (mut refreshes, mut debts) = (Refreshes::default(), crate::debts::Debts::default());
        let id = refreshes.open(order("prod"), "me", vec![agent(1)], false, at(0)).id;
        let commit = debts.seal();
        refreshes.writing(&id, commit);
        assert_eq!(refreshes.same(&order("prod"), at(1)).map(|(_, commit)| commit), Some(Some(commit)));
        refreshes.failed(debts.seal());
        assert!(refreshes.same(&order("prod"), at(1)).is_some(), "another commit failed");
        refreshes.failed(commit);
        assert_eq!(refreshes.same(&order("prod"), at(1)), None);
    }

    #[test]
    fn equal_orders_within_ten_seconds_are_one_unless_canceled() {
        let mut refreshes = Refreshes::default();
        let id = refreshes.open(order("prod"), "me", vec![agent(1)], false, at(0)).id;
        assert_eq!(refreshes.same(&order("prod"), at(9)).map(|(r, _)| &r.id), Some(&id));
        assert_eq!(refreshes.same(&order("test"), at(9)), None);
        assert_eq!(refreshes.same(&order("prod"), at(10)), None);
        assert_eq!(refreshes.cancel(&id, at(1)).unwrap().1, [agent(1)]);
        assert_eq!(refreshes.same(&order("prod"), at(2)), None);
        assert!(refreshes.step(&agent(1), Step::Ran(at(2)), at(3)).is_empty(), "final is final");
        assert!(refreshes.cancel(&id, at(4)).unwrap().1.is_empty());
    }

    #[test]
    fn the_history_is_bounded_and_forgets_final_ones_first() {
        let mut refreshes = Refreshes::default();
        let first = refreshes.open(order("first"), "me", vec![agent(1)], false, at(0)).id;
        for n in 0..2 * HISTORY as u64 {
            let id = refreshes.open(order("more"), "me", vec![agent(2)], false, at(n)).id;
            refreshes.cancel(&id, at(n));
        }
        assert_eq!(refreshes.iter().count(), HISTORY);
        assert!(refreshes.get(&first).is_some());
        assert_eq!(refreshes.open_count(), 1);
    }
}
