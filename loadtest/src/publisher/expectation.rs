//! What a published load must lead to, by sequence.

use std::collections::BTreeMap;

use crate::lane::Lane;

/// The acceptances that each confirmed message must lead to, and its lane.
#[derive(Debug, Default)]
pub struct Expectations {
    first: u64,
    by_sequence: Vec<Option<(Lane, u32)>>,
    acceptances: u64,
    messages: u64,
}

impl Expectations {
    /// Nothing yet, for sequences from `first` on.
    #[must_use]
    pub fn starting_at(first: u64) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// Expects `acceptances` for message `sequence`; a repetition adds nothing to the first.
    pub fn add(&mut self, sequence: u64, lane: Lane, acceptances: u32) {
        let Some(index) = self.index(sequence) else {
            return;
        };
        if index >= self.by_sequence.len() {
            self.by_sequence.resize(index + 1, None);
        }
        if let Some(slot) = self.by_sequence.get_mut(index)
            && slot.is_none()
        {
            *slot = Some((lane, acceptances));
            self.messages += 1;
            self.acceptances += u64::from(acceptances);
        }
    }

    /// Expects as well what another one of the same load does.
    pub fn merge(&mut self, other: Self) {
        for (sequence, lane, acceptances) in other.each() {
            self.add(sequence, lane, acceptances);
        }
    }

    /// All acceptances expected.
    #[must_use]
    pub fn acceptances(&self) -> u64 {
        self.acceptances
    }

    /// Different messages expected to be consumed.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// (sequence, acceptances) of the messages that must be accepted at least once.
    pub fn wanted(&self) -> impl Iterator<Item = (u64, u32)> {
        self.each()
            .filter(|(_, _, acceptances)| *acceptances > 0)
            .map(|(sequence, _, acceptances)| (sequence, acceptances))
    }

    /// Sequences that must never be accepted, such as expired ones.
    pub fn forbidden(&self) -> impl Iterator<Item = u64> {
        self.each()
            .filter(|(_, _, acceptances)| *acceptances == 0)
            .map(|(sequence, ..)| sequence)
    }

    /// The lane of a message.
    #[must_use]
    pub fn lane(&self, sequence: u64) -> Option<Lane> {
        let slot = self.by_sequence.get(self.index(sequence)?)?;
        slot.map(|(lane, _)| lane)
    }

    /// How many messages went to each lane.
    #[must_use]
    pub fn lanes(&self) -> BTreeMap<Lane, u64> {
        let mut lanes = BTreeMap::new();
        for (_, lane, _) in self.each() {
            *lanes.entry(lane).or_default() += 1;
        }
        lanes
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.first)?).ok()
    }

    fn each(&self) -> impl Iterator<Item = (u64, Lane, u32)> {
        (self.first..)
            .zip(&self.by_sequence)
            .filter_map(|(sequence, slot)| slot.map(|(lane, count)| (sequence, lane, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{Channel, Priority};

    #[test]
    fn a_repetition_adds_nothing_and_the_expired_are_forbidden() {
        let lane = Lane {
            channel: Channel::Push,
            priority: Priority::High,
        };
        let mut expected = Expectations::starting_at(0);
        expected.add(2, lane, 3);
        expected.add(2, lane, 0);
        expected.add(0, lane, 0);
        assert_eq!((expected.messages(), expected.acceptances()), (2, 3));
        assert_eq!(expected.wanted().collect::<Vec<_>>(), [(2, 3)]);
        assert_eq!(expected.forbidden().collect::<Vec<_>>(), [0]);
        assert_eq!((expected.lane(2), expected.lane(1)), (Some(lane), None));
        assert_eq!(expected.lanes()[&lane], 2);
    }
    #[test]
    fn sequences_may_start_anywhere() {
        let lane = Lane {
            channel: Channel::Sms,
            priority: Priority::Low,
        };
        let mut expected = Expectations::starting_at(1_000);
        expected.add(999, lane, 1);
        expected.add(1_001, lane, 1);
        assert_eq!(expected.wanted().collect::<Vec<_>>(), [(1_001, 1)]);
        assert_eq!(expected.lane(1_001), Some(lane));
        assert_eq!(expected.lane(0), None);
    }
}
