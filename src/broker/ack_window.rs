//! Which deliveries of one AMQP channel are acknowledged, when, and which of them together.
//!
//! Each acknowledgement is a frame here, and an entry in the log of a quorum queue there. Settled
//! deliveries are therefore gathered: without a gap from the front they are one acknowledgement with
//! `multiple`. But one slow message must not hold all behind it, so that settled ones which pile up
//! behind one that stays open are acknowledged singly.

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
    entries: VecDeque<UnsettledDelivery>,
    /// How many entries are [`UnsettledDelivery::Settled`] or [`UnsettledDelivery::Lingering`].
    settled: usize,
    /// The prefix that is left of the entries and waits to be acknowledged.
    ready: Option<Prefix>,
    /// Whether what is settled waits for more.
    gathers: bool,
    /// A quarter of the prefetch: so many are enough to be acknowledged together.
    many: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnsettledDelivery {
    /// Being worked on.
    Open,
    /// Stored, not acknowledged.
    Settled,
    /// The same, since before the last flush.
    Lingering,
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
    /// gathered never holds back three quarters of them.
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
            self.entries.push_back(UnsettledDelivery::Open);
        }
    }

    /// Whether what is settled waits for more from now on, or is acknowledged at once; then what has
    /// waited so far.
    pub fn gather(&mut self, gathers: bool) -> Vec<Ack> {
        self.gathers = gathers;
        if gathers { vec![] } else { self.take_all() }
    }

    /// These deliveries are stored: what to acknowledge now. The rest waits for more, or for
    /// [`flush`](Self::flush).
    pub fn settle(&mut self, tags: impl IntoIterator<Item = u64>) -> Vec<Ack> {
        for tag in tags {
            if let Some(entry) = self
                .entry(tag)
                .filter(|entry| **entry == UnsettledDelivery::Open)
            {
                *entry = UnsettledDelivery::Settled;
                self.settled += 1;
            }
        }
        self.take_prefix();
        if !self.gathers {
            return self.take_all();
        }
        let ready = self.ready.map_or(0, |ready| ready.count);
        if ready + self.settled < 3 * self.many && ready < self.many {
            return vec![];
        }
        // A pile is broken up late: most that are open in front of one are so for a moment only.
        if self.settled > 2 * self.many {
            return self.take_all();
        }
        self.take_ready().into_iter().collect()
    }

    /// What is ready, whether enough or not; and singly what was settled the last time already, behind
    /// one that is open. To be asked for at an interval while something waits.
    pub fn flush(&mut self) -> Vec<Ack> {
        let mut acks: Vec<Ack> = self.take_ready().into_iter().collect();
        acks.extend(self.take_singly(|entry| entry == UnsettledDelivery::Lingering));
        for entry in &mut self.entries {
            if *entry == UnsettledDelivery::Settled {
                *entry = UnsettledDelivery::Lingering;
            }
        }
        acks
    }

    /// Whether something waits to be flushed.
    #[must_use]
    pub const fn is_gathering(&self) -> bool {
        self.ready.is_some() || self.settled > 0
    }

    fn take_all(&mut self) -> Vec<Ack> {
        let mut acks: Vec<Ack> = self.take_ready().into_iter().collect();
        acks.extend(self.take_singly(UnsettledDelivery::is_settled));
        acks
    }

    fn take_ready(&mut self) -> Option<Ack> {
        self.ready.take().map(|Prefix { tag, .. }| Ack {
            tag,
            multiple: true,
        })
    }

    /// This delivery went back to the broker by itself.
    pub fn returned(&mut self, tag: u64) {
        if let Some(entry) = self.entry(tag) {
            let was = std::mem::replace(entry, UnsettledDelivery::Done);
            self.settled -= usize::from(was.is_settled());
        }
    }

    fn entry(&mut self, tag: u64) -> Option<&mut UnsettledDelivery> {
        let position = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(position)
    }

    /// Takes the entries up to the first open one.
    fn take_prefix(&mut self) {
        while let Some(entry) = self
            .entries
            .pop_front_if(|entry| *entry != UnsettledDelivery::Open)
        {
            if entry.is_settled() {
                self.settled -= 1;
                let count = self.ready.map_or(0, |ready| ready.count) + 1;
                let tag = self.first;
                self.ready = Some(Prefix { tag, count });
            }
            self.first += 1;
        }
    }

    fn take_singly(&mut self, which: impl Fn(UnsettledDelivery) -> bool) -> Vec<Ack> {
        let mut acks = vec![];
        for (entry, tag) in self.entries.iter_mut().zip(self.first..) {
            if which(*entry) {
                *entry = UnsettledDelivery::Done;
                acks.push(Ack {
                    tag,
                    multiple: false,
                });
            }
        }
        self.settled -= acks.len();
        acks
    }
}

impl UnsettledDelivery {
    fn is_settled(self) -> bool {
        matches!(self, Self::Settled | Self::Lingering)
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

    const fn single(tag: u64) -> Ack {
        Ack {
            tag,
            multiple: false,
        }
    }

    #[test]
    fn a_settled_prefix_is_one_acknowledgement_once_it_is_enough() {
        let mut window = window(1..=8, 16);
        assert_eq!(window.settle([2, 3]), []);
        assert_eq!(window.settle([1]), []);
        assert_eq!(window.settle([4]), [up_to(4)]);
        assert!(!window.is_gathering());
        assert_eq!(window.settle([5]), []);
        assert!(window.is_gathering());
        assert_eq!(window.flush(), [up_to(5)]);
        assert_eq!(window.flush(), []);
    }

    #[test]
    fn settled_delivery_waits_no_longer_than_the_linger() {
        let mut window = window(1..=8, 16);
        assert_eq!(window.settle([1, 3]), []);
        assert_eq!(window.gather(false), [up_to(1), single(3)]);
        assert_eq!(window.settle([5]), [single(5)]);
        assert_eq!(window.gather(true), []);
        assert_eq!(window.settle([2]), []);
    }

    #[test]
    fn briefly_unsettled_delivery_does_not_split_the_acknowledgement() {
        let mut window = window(1..=100, 256);
        assert_eq!(window.settle(2..=100), []);
        assert_eq!(window.flush(), []);
        assert_eq!(window.settle([1]), [up_to(100)]);
    }

    #[test]
    fn unsettled_delivery_does_not_block_acknowledgements_behind_it() {
        let mut window = window(1..=100, 256);
        assert_eq!(window.settle(2..=100), []);
        assert_eq!(window.flush(), []);
        assert!(window.is_gathering());
        assert_eq!(window.flush(), (2..=100).map(single).collect::<Vec<_>>());
        assert_eq!(window.settle([1]), []);
        assert_eq!(window.flush(), [up_to(1)]);
    }

    #[test]
    fn deliveries_behind_a_slow_front_are_acknowledged() {
        let mut window = window(1..=100, 256);
        assert_eq!(window.settle(51..=80), []);
        assert_eq!(window.flush(), []);
        assert_eq!(window.settle([1, 90]), []);
        let mut acks = vec![up_to(1)];
        acks.extend((51..=80).map(single));
        assert_eq!(window.flush(), acks);
        assert_eq!(window.flush(), [single(90)]);
    }

    #[test]
    fn held_back_acknowledgements_leave_room_for_deliveries() {
        let mut window = window(1..=1_000, 100);
        // Every second one is settled, so that there is never a prefix.
        let mut held = 0;
        for tag in (2..=1_000).step_by(2) {
            let acks = window.settle([tag]);
            held = if acks.is_empty() { held + 1 } else { 0 };
            assert!(held < 75);
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
                prop_assert!(held < (3 * usize::from(prefetch / 4)).max(3), "{held} are held back");
            }
            window.gather(false).into_iter().for_each(|ack| broker(&mut unacked, ack));
            prop_assert!(unacked.is_empty());
        }
    }
}
