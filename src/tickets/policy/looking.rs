//! What time alone does to a ticket: somebody is told that a clock is about to run out, and that it has; what
//! nobody answers is resolved, and what is resolved is closed.

use jiff::{SignedDuration, Timestamp};

use super::clocks::{ClockProgress, ClockStanding};
use crate::tickets::domain::{
    HistoryEntry, NewEntry, ServiceClock, SupportTicket, TicketClocks, TicketDeed, TicketStatus,
};

/// After how long without a word a ticket moves on; `None` is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LookRules {
    /// In seconds, from being resolved to being closed.
    pub close_after: Option<i64>,
    /// In seconds, from waiting for its requester to being resolved.
    pub give_up_after: Option<i64>,
}

/// What a look finds.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketLook {
    /// What is told: each clock's warning and end, once.
    pub marks: Vec<NewEntry>,
    /// Whether it is brought to the next level: a clock has run out.
    pub escalates: bool,
    /// Where it moves to.
    pub moves_to: Option<TicketStatus>,
    /// How the clocks stand, with when to look again.
    pub clocks: TicketClocks,
}

/// Looks at a ticket's clocks. `now` is `None` when only the clocks are computed, and nothing is told.
#[must_use]
pub fn look(
    ticket: &SupportTicket,
    history: &[HistoryEntry],
    standings: &[ClockStanding],
    rules: LookRules,
    now: Option<Timestamp>,
) -> TicketLook {
    let mut clocks = TicketClocks::default();
    let (mut marks, mut later, mut escalates) = (vec![], vec![], false);
    for one in standings {
        match one.clock {
            ServiceClock::FirstResponse => clocks.first_response_kept = kept(one.standing),
            ServiceClock::Resolution => clocks.resolution_kept = kept(one.standing),
            ServiceClock::NextResponse => {}
        }
        let ClockProgress::Runs { soon_at, due_at } = one.standing else {
            continue;
        };
        *clocks.of_mut(one.clock) = due_at;
        let (Some(soon_at), Some(due_at)) = (soon_at, due_at) else {
            continue;
        };
        // What was told before the time that holds now was told of another one: a rule has changed.
        let told = |deed, of| was_told(history, deed, one, of);
        let is_over = told(TicketDeed::Overdue, due_at);
        clocks.is_overdue |= is_over;
        let mark = |deed, at| {
            NewEntry::new(deed, None, at)
                .with("clock", one.clock.as_str())
                .with("since", one.since.to_string())
                .with("due_at", due_at.to_string())
        };
        match now {
            _ if is_over => {}
            Some(now) if due_at <= now => {
                marks.push(mark(TicketDeed::Overdue, now));
                clocks.is_overdue = true;
                escalates |= one.clock != ServiceClock::NextResponse;
            }
            Some(now) if soon_at <= now => {
                if !told(TicketDeed::DueSoon, soon_at) {
                    marks.push(mark(TicketDeed::DueSoon, now));
                }
                clocks.is_due_soon = true;
                later.push(due_at);
            }
            _ if told(TicketDeed::DueSoon, soon_at) => {
                clocks.is_due_soon = true;
                later.push(due_at);
            }
            _ => later.push(soon_at),
        }
    }
    let moved = moving(ticket, history, rules);
    let moves_to = moved.and_then(|(to, at)| now.filter(|now| at <= *now).map(|_| to));
    if moves_to.is_none() {
        later.extend(moved.map(|(_, at)| at));
    }
    clocks.look_at = later.into_iter().min();
    TicketLook {
        marks,
        escalates,
        moves_to,
        clocks,
    }
}

/// Whether what a clock waits for was done in time; `None`: that is open.
const fn kept(standing: ClockProgress) -> Option<bool> {
    match standing {
        ClockProgress::Met { is_late, .. } => Some(!is_late),
        ClockProgress::Stands { left } if left < 0 => Some(false),
        ClockProgress::Stands { .. } | ClockProgress::Runs { .. } => None,
    }
}

/// Whether this was said of this very clock, once its time had come.
fn was_told(
    history: &[HistoryEntry],
    deed: TicketDeed,
    one: &ClockStanding,
    time: Timestamp,
) -> bool {
    let since = one.since.to_string();
    history.iter().any(|line| {
        line.entry.deed == deed
            && line.entry.at >= time
            && line.entry.text("clock") == Some(one.clock.as_str())
            && line.entry.text("since") == Some(since.as_str())
    })
}

/// Where a ticket moves if nobody says a word, and when. Each word begins the time anew.
fn moving(
    ticket: &SupportTicket,
    history: &[HistoryEntry],
    rules: LookRules,
) -> Option<(TicketStatus, Timestamp)> {
    let (to, after) = match ticket.status {
        TicketStatus::Resolved => (TicketStatus::Closed, rules.close_after?),
        TicketStatus::Waiting => (TicketStatus::Resolved, rules.give_up_after?),
        _ => return None,
    };
    let words = [TicketDeed::Replied, TicketDeed::StatusChanged];
    let last = history.iter().rev().map(|line| &line.entry);
    let last = last
        .filter(|entry| words.contains(&entry.deed) && !entry.is("automatic"))
        .map(|entry| entry.at)
        .next()?;
    let at = last.checked_add(SignedDuration::from_secs(after)).ok()?;
    Some((to, at))
}
