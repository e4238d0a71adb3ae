//! How many connections there are, in all and of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    most_per_peer: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    peers: HashMap<IpAddr, usize>,
}

/// A connection's place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    peer: IpAddr,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// That of all.
    All,
    /// That of this address.
    Peer,
}

impl Full {
    /// As in labels.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "connections",
            Self::Peer => "connections-of-peer",
        }
    }
}

impl Slots {
    /// All free.
    pub(crate) fn new(most: usize, most_per_peer: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_peer, taken: Mutex::default() })
    }

    /// Takes a place for a connection from there.
    ///
    /// # Errors
    /// [`Full`] when there is none.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Slot, Full> {
        let peer = peer.to_canonical();
        let mut taken = self.taken.lock();
        if taken.total >= self.most {
            return Err(Full::All);
        }
        let of_peer = taken.peers.entry(peer).or_insert(0);
        if *of_peer >= self.most_per_peer {
            return Err(Full::Peer);
        }
        *of_peer += 1;
        taken.total += 1;
        Ok(Slot { slots: self.clone(), peer })
    }

    /// How many are taken.
    pub(crate) fn total(&self) -> usize {
        self.taken.lock().total
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock();
        taken.total -= 1;
        if let Some(of_peer) = taken.peers.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place_and_places_come_back() {
        let slots = Slots::new(3, 2);
        let (greedy, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = slots.take(greedy).unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let second = slots.take(mapped).unwrap();
        assert_eq!(slots.take(greedy).unwrap_err(), Full::Peer);
        let third = slots.take(other).unwrap();
        assert_eq!(slots.take(other).unwrap_err(), Full::All);
        drop((first, second, third));
        assert_eq!(slots.total(), 0);
        assert!(slots.taken.lock().peers.is_empty());
    }
}
