//! What a run left behind: who was sent what and when, what the machine did meanwhile, what the
//! database holds. Figures, verdicts and the page are made from it and from nothing else.

use std::ops::Range;

use crate::lane::Lane;
use crate::ledger::{Ledger, Moment, SentTwice, Subject, Totals};
use crate::publisher::Published;
use crate::simulator::Provider;
use crate::watch::Timeline;

mod figure;
mod verdict;

pub(crate) use figure::quantile_of;
pub use verdict::{Verdict, Word, judge, number};

/// One published load. Instants are the ledger's, in microseconds.
#[derive(Debug)]
pub struct Act {
    /// The phase's name.
    pub name: String,
    /// Sequences that it may have used.
    pub sequences: Range<u64>,
    /// When publishing began.
    pub began_micros: u64,
    /// When the last message was confirmed.
    pub published_micros: u64,
    /// What was published.
    pub published: Published,
    /// Whether policies may have stopped its messages.
    pub may_be_stopped: bool,
}

impl Act {
    /// The lane of one of its messages.
    #[must_use]
    pub fn lane(&self, sequence: u64) -> Option<Lane> {
        self.published.expected.lane(sequence)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at_micros: u64,
    /// What, in words.
    pub what: String,
}

/// Notifications of one status and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// `sent`, `failed`, ...
    pub status: String,
    /// Why; empty when there is none.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The loads, in the order of their sequences.
    pub acts: Vec<Act>,
    /// First acceptances, in the order in which they came.
    pub moments: Vec<Moment>,
    /// Messages that somebody got more than once.
    pub twice: Vec<SentTwice>,
    /// The ledger's totals.
    pub totals: Totals,
    /// Acceptances that are lacking, of each act.
    pub lacking: Vec<u64>,
    /// Messages sent that must not have been, of each act.
    pub forbidden: Vec<u64>,
    /// What the machine did.
    pub timeline: Timeline,
    /// What happened.
    pub marks: Vec<Mark>,
    /// When the engine's first process was started for the run.
    pub engine_started_micros: Option<u64>,
    /// When the quiet hours ended.
    pub quiet_until_micros: Option<u64>,
    /// Requests a minute that the accounts allow.
    pub rate_limits: Vec<(Provider, u32)>,
    /// Requests that broke a provider's description.
    pub malformed: u64,
    /// What the database holds, when it could be asked.
    pub rows: Option<Vec<Rows>>,
}

impl Evidence {
    /// What the ledger knows of these loads.
    #[must_use]
    pub fn of(ledger: &Ledger, acts: Vec<Act>) -> Self {
        let lacking = |act: &Act| {
            let lacking = ledger.lacking_recipients(act.published.expected.wanted());
            lacking.iter().map(|(_, count)| u64::from(*count)).sum()
        };
        let forbidden = |act: &Act| {
            let all: Vec<_> = act.published.expected.forbidden().collect();
            (all.len() - ledger.missing_sequences(all.iter().copied()).len()) as u64
        };
        Self {
            moments: ledger.moments(),
            twice: ledger.sent_twice(),
            totals: ledger.totals(),
            lacking: acts.iter().map(lacking).collect(),
            forbidden: acts.iter().map(forbidden).collect(),
            acts,
            ..Self::default()
        }
    }

    /// The load that a message belongs to.
    #[must_use]
    pub fn act_of(&self, sequence: u64) -> Option<&Act> {
        self.acts
            .iter()
            .find(|act| act.sequences.contains(&sequence))
    }

    /// The lane of a message.
    #[must_use]
    pub fn lane_of(&self, sequence: u64) -> Option<Lane> {
        self.act_of(sequence)?.lane(sequence)
    }

    fn twice_of(&self, act: Option<&Act>) -> impl Iterator<Item = &SentTwice> {
        let sequences = act.map(|act| act.sequences.clone());
        self.twice
            .iter()
            .filter(move |one| match (&sequences, one.subject) {
                (None, _) => true,
                (Some(sequences), Subject::Sequence(sequence)) => sequences.contains(&sequence),
                (Some(_), Subject::Notification(_)) => false,
            })
    }
}

#[cfg(test)]
mod tests;
