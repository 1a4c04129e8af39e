//! Which deliveries of one AMQP channel may be acknowledged together.
//!
//! Acknowledging a settled prefix with `multiple` is worth almost half of the throughput; but one
//! slow message must not hold all behind it, so that settled ones which pile up behind an open one
//! are acknowledged singly.

use std::collections::VecDeque;

/// Settled deliveries behind an open one beyond which they are acknowledged singly.
const PILE: usize = 64;

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

impl Default for AckWindow {
    fn default() -> Self {
        Self {
            first: 1,
            entries: VecDeque::new(),
            settled: 0,
        }
    }
}

impl AckWindow {
    /// Deliveries came up to this tag; tags of a channel start at 1 and count up by one.
    pub fn delivered_up_to(&mut self, tag: u64) {
        let known = self.first.saturating_add(self.entries.len() as u64);
        for _ in known..=tag {
            self.entries.push_back(Entry::Open);
        }
    }

    /// These deliveries are stored: what to acknowledge now.
    pub fn settle(&mut self, tags: impl IntoIterator<Item = u64>) -> Vec<Ack> {
        for tag in tags {
            if let Some(entry) = self.entry(tag).filter(|entry| **entry == Entry::Open) {
                *entry = Entry::Settled;
                self.settled += 1;
            }
        }
        let mut acks: Vec<Ack> = self.take_prefix().into_iter().collect();
        if self.settled > PILE {
            acks.extend(self.take_pile());
        }
        acks
    }

    /// This delivery went back to the broker by itself.
    pub fn returned(&mut self, tag: u64) {
        if let Some(entry) = self.entry(tag) {
            let was = std::mem::replace(entry, Entry::Done);
            self.settled -= usize::from(was == Entry::Settled);
        }
    }

    /// How many are neither acknowledged nor returned.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| **entry != Entry::Done)
            .count()
    }

    fn entry(&mut self, tag: u64) -> Option<&mut Entry> {
        let position = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(position)
    }

    /// Removes the prefix in which nothing is open. The tag that stands for it must be one that is
    /// unacknowledged: RabbitMQ closes the channel over an unknown one.
    fn take_prefix(&mut self) -> Option<Ack> {
        let mut last = None;
        while let Some(entry) = self.entries.pop_front_if(|entry| *entry != Entry::Open) {
            if entry == Entry::Settled {
                self.settled -= 1;
                last = Some(self.first);
            }
            self.first += 1;
        }
        last.map(|tag| Ack {
            tag,
            multiple: true,
        })
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

    fn window(tags: std::ops::RangeInclusive<u64>) -> AckWindow {
        let mut window = AckWindow::default();
        tags.for_each(|tag| window.delivered_up_to(tag));
        window
    }

    #[test]
    fn a_settled_prefix_is_one_acknowledgement() {
        let mut window = window(1..=5);
        assert_eq!(window.settle([2, 3]), []);
        assert_eq!(
            window.settle([1]),
            [Ack {
                tag: 3,
                multiple: true
            }]
        );
        assert_eq!(window.unacknowledged(), 2);
    }

    #[test]
    fn a_slow_one_does_not_hold_a_pile_behind_it() {
        let mut window = window(1..=100);
        let acks = window.settle(2..=100);
        assert_eq!(acks.len(), 99);
        assert!(acks.iter().all(|ack| !ack.multiple));
        assert_eq!(
            window.settle([1]),
            [Ack {
                tag: 1,
                multiple: true
            }]
        );
        assert_eq!(window.unacknowledged(), 0);
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
        ) {
            let mut window = window(1..=300);
            let mut unacked: BTreeSet<u64> = (1..=300).collect();
            let mut open = unacked.clone();
            for tags in order.chunks(batch) {
                let (back, kept): (Vec<u64>, Vec<u64>) =
                    tags.iter().partition(|tag| returned.contains(tag));
                for tag in back {
                    window.returned(tag);
                    open.remove(&tag);
                    prop_assert!(unacked.remove(&tag));
                }
                open.retain(|tag| !kept.contains(tag));
                for ack in window.settle(kept) {
                    broker(&mut unacked, ack);
                }
                prop_assert!(open.is_subset(&unacked), "an open delivery was acknowledged");
            }
            prop_assert!(unacked.is_empty());
            prop_assert_eq!(window.unacknowledged(), 0);
        }
    }
}
