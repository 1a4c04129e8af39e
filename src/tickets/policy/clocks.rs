//! A ticket's clocks, computed from its whole history by the rule that holds now: so a rule that was changed gives
//! the same answer as if it had always been.
//!
//! A clock runs only while the desk is to act: not while the ticket waits for its requester, and not once what it
//! waits for has happened. What ran before stays counted.

use jiff::Timestamp;

use super::hours::{service_after, service_between};
use crate::tickets::domain::{HistoryEntry, ServiceClock, ServiceRule, TicketDeed, TicketStatus};

/// Of a target, how much must have passed before somebody is told that it is due soon: four fifths.
const SOON: (i64, i64) = (4, 5);

/// Something that a clock goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockFact {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub word: ClockWord,
}

/// What a clock goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockWord {
    /// The ticket was made.
    Created,
    /// Its requester wrote.
    Asked,
    /// Somebody of the desk answered.
    Answered,
    /// It moved to this status.
    Moved(TicketStatus),
}

/// How a clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStanding {
    /// Which one.
    pub clock: ServiceClock,
    /// Since when this is waited for: a clock that begins anew is another one.
    pub since: Timestamp,
    /// Whether it runs.
    pub standing: ClockProgress,
}

/// Whether a clock runs, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockProgress {
    /// It runs.
    Runs {
        /// When four fifths of the target are over; `None` beyond five years.
        soon_at: Option<Timestamp>,
        /// When all of it is over.
        due_at: Option<Timestamp>,
    },
    /// It stands, with so many seconds of service left.
    Stands {
        /// Seconds of service.
        left: i64,
    },
    /// What it waited for has happened.
    Met {
        /// Seconds of service that it took.
        took: i64,
        /// Whether that was more than the target.
        is_late: bool,
    },
}

/// What of a history a clock goes by. An automatic answer is none, and neither is a note.
#[must_use]
pub fn clock_facts(history: &[HistoryEntry]) -> Vec<ClockFact> {
    let fact = |line: &HistoryEntry| {
        let entry = &line.entry;
        let word = match entry.deed {
            TicketDeed::Created => ClockWord::Created,
            TicketDeed::Replied if entry.is("automatic") => return None,
            TicketDeed::Replied if entry.is("by_requester") => ClockWord::Asked,
            TicketDeed::Replied => ClockWord::Answered,
            TicketDeed::StatusChanged => ClockWord::Moved(entry.text("to")?.parse().ok()?),
            _ => return None,
        };
        Some(ClockFact { at: entry.at, word })
    };
    history.iter().filter_map(fact).collect()
}

/// A clock while history is read.
struct Stopwatch<'a> {
    rule: &'a ServiceRule,
    clock: ServiceClock,
    target: i64,
    since: Timestamp,
    used: i64,
    runs_since: Option<Timestamp>,
    is_met: bool,
}

impl Stopwatch<'_> {
    fn stop(&mut self, at: Timestamp) {
        if let Some(since) = self.runs_since.take() {
            self.used += service_between(&self.rule.hours, since, at);
        }
    }

    fn go(&mut self, at: Timestamp) {
        if !self.is_met {
            self.runs_since.get_or_insert(at);
        }
    }

    fn met(&mut self, at: Timestamp) {
        self.stop(at);
        self.is_met = true;
    }

    fn standing(&self) -> ClockStanding {
        let left = self.target - self.used;
        let standing = match self.runs_since {
            Some(since) => {
                let soon = self.target * SOON.0 / SOON.1 - self.used;
                ClockProgress::Runs {
                    soon_at: service_after(&self.rule.hours, since, soon),
                    due_at: service_after(&self.rule.hours, since, left),
                }
            }
            None if self.is_met => ClockProgress::Met {
                took: self.used,
                is_late: left < 0,
            },
            None => ClockProgress::Stands { left },
        };
        ClockStanding {
            clock: self.clock,
            since: self.since,
            standing,
        }
    }
}

/// How the clocks of a ticket stand that have a target. A clock that has never begun is not among them.
#[must_use]
pub fn standings(facts: &[ClockFact], rule: &ServiceRule) -> Vec<ClockStanding> {
    let each = ServiceClock::ALL.iter();
    each.filter_map(|clock| standing(*clock, facts, rule))
        .collect()
}

fn standing(clock: ServiceClock, facts: &[ClockFact], rule: &ServiceRule) -> Option<ClockStanding> {
    let target = rule.targets.of(clock)?;
    let begun = |since| Stopwatch {
        rule,
        clock,
        target,
        since,
        used: 0,
        runs_since: None,
        is_met: false,
    };
    let (mut watch, mut status, mut was_answered) =
        (None::<Stopwatch<'_>>, TicketStatus::Open, false);
    for ClockFact { at, word } in facts {
        match word {
            ClockWord::Created if clock != ServiceClock::NextResponse => {
                watch = Some(begun(*at));
            }
            ClockWord::Asked if clock == ServiceClock::NextResponse && was_answered => {
                // Who asks twice waits since the first time.
                if watch.as_ref().is_none_or(|watch| watch.is_met) {
                    watch = Some(begun(*at));
                }
            }
            ClockWord::Answered => {
                was_answered = true;
                if let Some(watch) = watch.as_mut()
                    && clock != ServiceClock::Resolution
                {
                    watch.met(*at);
                }
            }
            ClockWord::Moved(to) => {
                status = *to;
                // What is over needs no answer; but it may go on, and then its end is waited for again, and the first
                // answer if there was none.
                if let Some(watch) = watch.as_mut()
                    && to.is_over()
                    && clock != ServiceClock::FirstResponse
                {
                    watch.met(*at);
                }
            }
            ClockWord::Created | ClockWord::Asked => {}
        }
        let Some(watch) = watch.as_mut() else {
            continue;
        };
        if clock == ServiceClock::Resolution && !status.is_over() {
            watch.is_met = false;
        }
        if status == TicketStatus::Waiting || status.is_over() {
            watch.stop(*at);
        } else {
            watch.go(*at);
        }
    }
    watch.map(|watch| watch.standing())
}
