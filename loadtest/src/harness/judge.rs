//! Who was sent something again, and what excuses it: what was in flight at a fault, or lost its answer.

use std::collections::HashMap;

use crate::ledger::{Ledger, Subject};

/// Ids of notifications, by what their senders call them.
pub type Ids = HashMap<String, String>;

/// How often each notification may have been sent beyond the once.
#[derive(Debug, Default)]
pub struct Excuses(HashMap<String, u32>);

impl Excuses {
    /// What was in flight at a fault may be sent once more.
    pub fn add(&mut self, ids: Vec<String>) {
        for id in ids {
            *self.0.entry(id).or_default() += 1;
        }
    }

    /// How often this one may have been repeated.
    #[must_use]
    pub fn of(&self, id: &str) -> u32 {
        self.0.get(id).copied().unwrap_or(0)
    }

    /// How many were in flight, over all faults.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().copied().map(u64::from).sum()
    }
}

/// What was sent again. Messages are named as their senders call them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Repetitions {
    /// How often, over all messages.
    pub total: u64,
    /// Those that nothing excuses.
    pub unexcused: Vec<String>,
    /// Those that only a lost answer excuses.
    pub unanswered: Vec<String>,
}

impl Repetitions {
    /// Compares what the providers accepted with what may have been repeated.
    #[must_use]
    pub fn of(ledger: &Ledger, ids: &Ids, excuses: &Excuses) -> Self {
        let mut found = Self::default();
        // A push goes to several devices: as many requests, and one notification.
        let mut most = HashMap::<String, u32>::new();
        for repeated in ledger.sent_twice() {
            let name = match repeated.subject {
                Subject::Sequence(sequence) => format!("A-{sequence}"),
                Subject::Notification(id) => id.to_string(),
            };
            let more = repeated.count - 1;
            let known = most.entry(name.clone()).or_default();
            *known = more.max(*known);
            // What was in flight at a fault may well be what lost its answer by it.
            let excused = excuses.of(ids.get(&name).unwrap_or(&name));
            if more > repeated.answers_lost.max(excused) {
                found.unexcused.push(name);
            } else if more > excused {
                found.unanswered.push(name);
            }
        }
        found.total = most.values().copied().map(u64::from).sum();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Acceptance;
    use crate::marker::{Marker, now_micros};
    use crate::simulator::Provider;

    #[test]
    fn each_fault_excuses_one_repetition_of_what_was_in_flight() {
        let mut excuses = Excuses::default();
        excuses.add(vec!["a".into(), "b".into()]);
        excuses.add(vec!["a".into()]);
        let each = ["a", "b", "c"].map(|id| excuses.of(id));
        assert_eq!((each, excuses.total()), ([2, 1, 0], 3));
    }

    #[test]
    fn repetitions_are_excused_by_a_fault_or_a_lost_answer_or_by_nothing() {
        let ledger = Ledger::new();
        let accept = |sequence, device: &str, answer_lost| {
            let acceptance = Acceptance {
                notification_id: None,
                recipient: device.into(),
                marker: Some(Marker::new(sequence, now_micros())),
            };
            ledger.accept(Provider::Fcm, &acceptance, answer_lost);
        };
        for sequence in 1..=3 {
            for device in ["one", "two"] {
                accept(sequence, device, sequence == 2);
                accept(sequence, device, false);
            }
        }
        let ids = Ids::from([("A-1".to_owned(), "x".to_owned())]);
        let mut excuses = Excuses::default();
        excuses.add(vec!["x".to_owned()]);
        let found = Repetitions::of(&ledger, &ids, &excuses);
        assert_eq!(found.total, 3);
        assert!(found.unexcused.iter().all(|name| name == "A-3"));
        assert!(found.unanswered.iter().all(|name| name == "A-2"));
        assert!(!found.unexcused.is_empty() && !found.unanswered.is_empty());
    }
}
