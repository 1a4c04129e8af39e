//! Which deliveries of one AMQP channel are acknowledged, when, and which of them together.
//!
//! Each acknowledgement is a frame here, and an entry in the log of a quorum queue there. Settled
//! deliveries are therefore gathered: without a gap from the front they are one acknowledgement with
//! `multiple`. But one slow message must not hold all behind it, so that settled ones which pile up
//! behind an open one are acknowledged singly.

use std::collections::VecDeque;

/// An acknowledgement to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The delivery's tag.
    pub tag: u64,
    /// Whether it stands for every unacknowledged delivery before it, too.
    pub multiple: bool,
}

/// The deliveries of a channel that are not yet acknowledged, in order of their tags.
#[derive(Debug)]
pub struct AckWindow {
    /// Tag of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// How many entries are [`Entry::Settled`].
    settled: usize,
    /// The prefix that is left of the entries and waits to be acknowledged.
    ready: Option<Prefix>,
    /// Whether what is ready waits until it is `many`.
    gathers: bool,
    /// A quarter of the prefetch: so many are enough to be acknowledged together, and more behind an
    /// open one are acknowledged singly.
    many: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// Being worked on.
    Open,
    /// Stored, not acknowledged.
    Settled,
    /// Acknowledged or returned by itself.
    Done,
}

/// Settled deliveries without an open one before them.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    /// The last of them. It must be one that is unacknowledged: RabbitMQ closes the channel over an
    /// unknown one.
    tag: u64,
    count: usize,
}

impl AckWindow {
    /// The window of a channel that is handed `prefetch` unacknowledged deliveries at most. What is
    /// gathered never holds back more than half of them.
    #[must_use]
    pub fn new(prefetch: u16) -> Self {
        Self {
            first: 1,
            entries: VecDeque::new(),
            settled: 0,
            ready: None,
            gathers: true,
            many: usize::from(prefetch / 4).max(1),
        }
    }

    /// Deliveries came up to this tag; tags of a channel start at 1 and count up by one.
    pub fn delivered_up_to(&mut self, tag: u64) {
        let known = self.first.saturating_add(self.entries.len() as u64);
        for _ in known..=tag {
            self.entries.push_back(Entry::Open);
        }
    }

    /// Whether what is ready waits for more from now on, or is acknowledged at once.
    pub fn gather(&mut self, gathers: bool) {
        self.gathers = gathers;
    }

    /// These deliveries are stored: what to acknowledge now. What is ready and not yet enough waits
    /// for more, or for [`flush`](Self::flush).
    pub fn settle(&mut self, tags: impl IntoIterator<Item = u64>) -> Vec<Ack> {
        for tag in tags {
            if let Some(entry) = self.entry(tag).filter(|entry| **entry == Entry::Open) {
                *entry = Entry::Settled;
                self.settled += 1;
            }
        }
        self.take_prefix();
        let piled = self.settled > self.many;
        let ready = self.ready.map_or(0, |ready| ready.count);
        let enough = !self.gathers || ready >= self.many;
        let mut acks = vec![];
        if enough || piled {
            acks.extend(self.flush());
        }
        if piled {
            acks.extend(self.take_pile());
        }
        acks
    }

    /// What is ready, whether enough or not.
    pub fn flush(&mut self) -> Option<Ack> {
        self.ready.take().map(|Prefix { tag, .. }| Ack {
            tag,
            multiple: true,
        })
    }

    /// Whether something waits to be flushed.
    #[must_use]
    pub const fn is_gathering(&self) -> bool {
        self.ready.is_some()
    }

    /// This delivery went back to the broker by itself.
    pub fn returned(&mut self, tag: u64) {
        if let Some(entry) = self.entry(tag) {
            let was = std::mem::replace(entry, Entry::Done);
            self.settled -= usize::from(was == Entry::Settled);
        }
    }

    fn entry(&mut self, tag: u64) -> Option<&mut Entry> {
        let position = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(position)
    }

    /// Takes the entries up to the first open one.
    fn take_prefix(&mut self) {
        while let Some(entry) = self.entries.pop_front_if(|entry| *entry != Entry::Open) {
            if entry == Entry::Settled {
                self.settled -= 1;
                let count = self.ready.map_or(0, |ready| ready.count) + 1;
                let tag = self.first;
                self.ready = Some(Prefix { tag, count });
            }
            self.first += 1;
        }
    }

    fn take_pile(&mut self) -> Vec<Ack> {
        self.settled = 0;
        let settled = self.entries.iter_mut().zip(self.first..);
        settled
            .filter(|(entry, _)| **entry == Entry::Settled)
            .map(|(entry, tag)| {
                *entry = Entry::Done;
                Ack {
                    tag,
                    multiple: false,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn window(tags: std::ops::RangeInclusive<u64>, prefetch: u16) -> AckWindow {
        let mut window = AckWindow::new(prefetch);
        tags.for_each(|tag| window.delivered_up_to(tag));
        window
    }

    const fn up_to(tag: u64) -> Ack {
        Ack {
            tag,
            multiple: true,
        }
    }

    #[test]
    fn a_settled_prefix_is_one_acknowledgement_once_it_is_enough() {
        let mut window = window(1..=8, 16);
        assert_eq!(window.settle([2, 3]), []);
        assert!(!window.is_gathering());
        assert_eq!(window.settle([1]), []);
        assert!(window.is_gathering());
        assert_eq!(window.settle([4]), [up_to(4)]);
        assert_eq!(window.settle([5]), []);
        assert_eq!(window.flush(), Some(up_to(5)));
        assert_eq!(window.flush(), None);
    }

    #[test]
    fn what_is_ready_waits_only_while_it_is_to() {
        let mut window = window(1..=8, 16);
        window.gather(false);
        assert_eq!(window.settle([1]), [up_to(1)]);
        window.gather(true);
        assert_eq!(window.settle([2]), []);
    }

    #[test]
    fn a_slow_one_does_not_hold_a_pile_behind_it() {
        let mut window = window(1..=100, 256);
        let acks = window.settle(2..=100);
        assert_eq!(acks.len(), 99);
        assert!(acks.iter().all(|ack| !ack.multiple));
        assert_eq!(window.settle([1]), []);
        assert_eq!(window.flush(), Some(up_to(1)));
    }

    #[test]
    fn what_is_held_back_leaves_room_for_more() {
        let mut window = window(1..=1_000, 100);
        // Every second one is settled, so that there is never a prefix.
        let mut held = 0;
        for tag in (2..=1_000).step_by(2) {
            let acks = window.settle([tag]);
            held = if acks.is_empty() { held + 1 } else { 0 };
            assert!(held <= 25);
        }
    }

    /// RabbitMQ's side: which tags are unacknowledged; an unknown one closes the channel.
    fn broker(unacked: &mut BTreeSet<u64>, ack: Ack) {
        assert!(
            unacked.remove(&ack.tag),
            "tag {} is unknown to the broker",
            ack.tag
        );
        if ack.multiple {
            *unacked = unacked.split_off(&ack.tag);
        }
    }

    proptest! {
        #[test]
        fn every_order_acknowledges_each_once_and_never_an_open_or_unknown_one(
            order in Just((1..=300_u64).collect::<Vec<_>>()).prop_shuffle(),
            returned in prop::collection::btree_set(1..=300_u64, 0..20),
            batch in 1..40_usize,
            prefetch in 1..400_u16,
            flushes in prop::collection::vec(any::<bool>(), 300),
        ) {
            let mut window = window(1..=300, prefetch);
            let mut unacked: BTreeSet<u64> = (1..=300).collect();
            let mut open = unacked.clone();
            for (tags, flush) in order.chunks(batch).zip(flushes) {
                let (back, kept): (Vec<u64>, Vec<u64>) =
                    tags.iter().partition(|tag| returned.contains(tag));
                for tag in back {
                    window.returned(tag);
                    open.remove(&tag);
                    prop_assert!(unacked.remove(&tag));
                }
                open.retain(|tag| !kept.contains(tag));
                let mut acks = window.settle(kept);
                if flush {
                    acks.extend(window.flush());
                }
                for ack in acks {
                    broker(&mut unacked, ack);
                }
                prop_assert!(open.is_subset(&unacked), "an open delivery was acknowledged");
                let held = unacked.len() - open.len();
                prop_assert!(held <= usize::from(prefetch / 2).max(2), "{held} are held back");
            }
            let left = window.flush().into_iter().chain(window.take_pile());
            left.for_each(|ack| broker(&mut unacked, ack));
            prop_assert!(unacked.is_empty());
        }
    }
}
