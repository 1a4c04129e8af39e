use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, json};
use uuid::Uuid;

use super::*;
use crate::tickets::domain::{
    CategoryStaff, HistoryEntry, NewComment, NewEntry, ServiceClock, ServiceHours, ServiceRule,
    ServiceTargets, ServiceWindow, SupportTicket, TicketDeed, TicketEvent, TicketPriority,
    TicketStatus, may_move,
};

mod clocks;
mod deeds;
mod service;

const HOUR: i64 = 3_600;
const ANA: Uuid = Uuid::from_u128(1);
const AGENT: Uuid = Uuid::from_u128(2);
const LEAD: Uuid = Uuid::from_u128(3);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    crate::domain::zone::find(name).unwrap()
}

fn office(zone_name: &str, holidays: &[Date]) -> ServiceHours {
    let windows = [0, 1, 2, 3, 4].map(|weekday| ServiceWindow {
        weekday,
        from: 540,
        to: 1_020,
    });
    ServiceHours::new(zone(zone_name), &windows, holidays.iter().copied()).unwrap()
}

fn rule(hours: ServiceHours, targets: [i64; 3]) -> ServiceRule {
    let [first, next, resolution] = targets.map(Some);
    ServiceRule {
        hours,
        targets: ServiceTargets {
            first_response: first,
            next_response: next,
            resolution,
        },
    }
}

fn new_ticket(moment: Timestamp) -> Done {
    let new = NewTicket {
        subject: "The printer burns".to_owned(),
        description: "Since Monday.".to_owned(),
        priority: TicketPriority::Normal,
        category: None,
        requester_id: ANA,
        followers: vec![],
        location: None,
        metadata: Map::new(),
    };
    create(
        new,
        (Uuid::nil(), Uuid::from_u128(9), 1),
        None,
        (Some(ANA), moment),
    )
}

/// A ticket with its history.
struct Story {
    ticket: SupportTicket,
    history: Vec<HistoryEntry>,
    told: Vec<TicketEvent>,
}

impl Story {
    fn begin(moment: Timestamp) -> Self {
        let done = new_ticket(moment);
        let mut story = Self {
            ticket: done.ticket.clone(),
            history: vec![],
            told: vec![],
        };
        story.take(done);
        story
    }

    fn take(&mut self, done: Done) {
        for entry in done.entries {
            let told = told_of(&done.ticket, &entry, done.comment.as_ref());
            self.told.extend(told.into_iter().map(|told| told.event));
            self.history.push(HistoryEntry {
                sequence: i32::try_from(self.history.len()).unwrap() + 1,
                entry,
            });
        }
        self.ticket = done.ticket;
    }

    fn says(&mut self, author_id: Uuid, moment: &str) {
        self.writes(author_id, moment, false, false);
    }

    fn writes(&mut self, author_id: Uuid, moment: &str, is_internal: bool, is_automatic: bool) {
        let new = NewComment {
            id: Uuid::from_u128(7),
            author_id,
            comment: "A secret".to_owned(),
            is_internal,
            is_automatic,
            is_of_stranger: false,
            mail_from: None,
        };
        let done = comment(self.ticket.clone(), new, at(moment)).unwrap();
        self.take(done);
    }

    fn goes(&mut self, to: TicketStatus, moment: &str) {
        let done = set_status(self.ticket.clone(), to, None, (Some(AGENT), at(moment))).unwrap();
        self.take(done);
    }

    fn standing(&self, clock: ServiceClock, rule: &ServiceRule) -> Option<ClockProgress> {
        let all = standings(&clock_facts(&self.history), rule);
        let one = all.into_iter().find(|one| one.clock == clock);
        one.map(|one| one.standing)
    }

    fn due(&self, clock: ServiceClock, rule: &ServiceRule) -> Option<String> {
        match self.standing(clock, rule)? {
            ClockProgress::Runs { due_at, .. } => due_at.map(|at| at.to_string()),
            _ => None,
        }
    }
}
