//! Who waits for a bucket: the urgent before the rest, clients in turns, and within a client first come, first served.
//!
//! Invariants, checked against what was pushed:
//! 1. Nobody is lost, and nobody is served twice.
//! 2. Within a client and class the order is that of coming.
//! 3. Among clients of a class nobody is served twice before another who waited all the while was served once: one client's flood costs the others one turn each.

use std::collections::{HashMap, VecDeque};

/// Every so many turns one who is not urgent goes first, so that a flood of urgent requests does not starve the polls.
pub(crate) const RESERVED_TURN: u32 = 8;

/// Whom fairness is among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client(pub(crate) u64);

#[derive(Debug)]
struct Turns<T> {
    order: VecDeque<Client>,
    waiting: HashMap<Client, VecDeque<T>>,
    length: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), waiting: HashMap::new(), length: 0 }
    }
}

impl<T> Turns<T> {
    fn push(&mut self, client: Client, item: T) {
        let of_client = self.waiting.entry(client).or_default();
        if of_client.is_empty() {
            self.order.push_back(client);
        }
        of_client.push_back(item);
        self.length += 1;
    }

    fn pop(&mut self) -> Option<T> {
        let client = self.order.pop_front()?;
        let of_client = self.waiting.get_mut(&client)?;
        let item = of_client.pop_front();
        if of_client.is_empty() {
            self.waiting.remove(&client);
        } else {
            self.order.push_back(client);
        }
        self.length -= usize::from(item.is_some());
        item
    }

    /// Lets those go who do not wait any more.
    fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.waiting.retain(|_, of_client| {
            of_client.retain(&keep);
            !of_client.is_empty()
        });
        self.order.retain(|client| self.waiting.contains_key(client));
        self.length = self.waiting.values().map(VecDeque::len).sum();
    }
}

/// The line before one bucket.
#[derive(Debug)]
pub(crate) struct Line<T> {
    urgent: Turns<T>,
    others: Turns<T>,
    turn: u32,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { urgent: Turns::default(), others: Turns::default(), turn: 0 }
    }
}

impl<T> Line<T> {
    /// Puts somebody at the end of their client's line.
    pub(crate) fn push(&mut self, urgent: bool, client: Client, item: T) {
        if urgent { self.urgent.push(client, item) } else { self.others.push(client, item) }
    }

    /// Whether the next to go is urgent; `None` when nobody waits.
    pub(crate) fn next_is_urgent(&self) -> Option<bool> {
        match (self.urgent.length, self.others.length) {
            (0, 0) => None,
            (0, _) => Some(false),
            (_, 0) => Some(true),
            _ => Some(!(self.turn + 1).is_multiple_of(RESERVED_TURN)),
        }
    }

    /// Takes the next of a class.
    pub(crate) fn pop(&mut self, urgent: bool) -> Option<T> {
        self.turn = self.turn.wrapping_add(1);
        if urgent { self.urgent.pop() } else { self.others.pop() }
    }

    /// How many urgent ones wait.
    pub(crate) fn urgent(&self) -> usize {
        self.urgent.length
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.urgent.length + self.others.length
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets those go who do not wait any more.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.urgent.retain(&keep);
        self.others.retain(&keep);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nobody_is_lost_and_each_client_is_served_in_the_order_of_coming(
            pushes in prop::collection::vec((any::<bool>(), 0..4_u64), 0..60), pops in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let mut line = Line::default();
            let (mut served, mut pushed) = (Vec::new(), 0);
            let mut pops = pops.into_iter();
            for (urgent, client) in &pushes {
                line.push(*urgent, Client(*client), (*urgent, *client, pushed));
                pushed += 1;
                if pops.next() == Some(true) && let Some(next) = line.next_is_urgent() {
                    served.push(line.pop(next).unwrap());
                }
            }
            while let Some(next) = line.next_is_urgent() {
                served.push(line.pop(next).unwrap());
            }
            prop_assert!(line.is_empty());
            prop_assert_eq!(served.len(), pushes.len());
            for urgent in [true, false] {
                for client in 0..4 {
                    let of_client: Vec<_> = served.iter().filter(|(u, c, _)| (*u, *c) == (urgent, client)).map(|(.., n)| n).collect();
                    prop_assert!(of_client.is_sorted());
                }
            }
        }

        #[test]
        fn a_flood_of_one_client_costs_another_one_turn(flood in 1..500_u32, polite in 1..5_u64) {
            let mut line = Line::default();
            (0..flood).for_each(|_| line.push(false, Client(0), 0));
            (1..=polite).for_each(|client| line.push(false, Client(client), client));
            let first: Vec<_> = (0..=polite).filter_map(|_| line.pop(false)).collect();
            prop_assert!((1..=polite).all(|client| first.contains(&client)));
        }
    }

    #[test]
    fn the_urgent_go_first_and_every_eighth_turn_is_kept_for_the_rest() {
        let mut line = Line::default();
        for n in 0..32 {
            line.push(true, Client(n), true);
            line.push(false, Client(n), false);
        }
        let served: Vec<bool> =
            (0..32).map(|_| line.next_is_urgent().and_then(|next| line.pop(next)).unwrap()).collect();
        assert_eq!(served.iter().filter(|urgent| **urgent).count(), 28);
        assert!(served[0]);
    }

    #[test]
    fn those_who_gave_up_are_not_counted() {
        let mut line = Line::default();
        (0..10).for_each(|n| line.push(n % 2 == 0, Client(n), n));
        line.retain(|n| *n == 3);
        assert_eq!((line.len(), line.urgent(), line.next_is_urgent(), line.pop(false)), (1, 0, Some(false), Some(3)));
    }
}
