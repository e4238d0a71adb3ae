//! Memory for answers that are being collected: all of them together, however many clients ask at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All answers that are being collected may take so many bytes. A Clouddriver that begins with an empty cache collects some forty listings of a megabyte at a
/// time; what finds no room is passed on as it comes, and learned the next time.
pub(super) const TOGETHER: usize = 256 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Room {
    left: AtomicUsize,
}

/// What one answer takes; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    /// Nothing yet.
    pub(super) fn enter(self: &Arc<Self>) -> Taken {
        Taken { room: self.clone(), bytes: 0 }
    }
}

impl Taken {
    /// Takes more; `false` when there is not so much left, and then it has what it had.
    pub(super) fn more(&mut self, bytes: usize) -> bool {
        let taken = self.room.left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        self.bytes += if taken.is_ok() { bytes } else { 0 };
        taken.is_ok()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_takes_none_and_what_ends_gives_all_back() {
        let room = Room::new(10);
        let (mut first, mut second) = (room.enter(), room.enter());
        assert!(first.more(4) && second.more(5));
        assert!(!first.more(2));
        assert!(first.more(1));
        drop(second);
        assert!(first.more(5) && !first.more(1));
        drop(first);
        assert!(room.enter().more(10));
    }
}
