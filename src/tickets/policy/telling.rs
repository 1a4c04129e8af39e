//! What others are told of what was done to a ticket: events, each with what it is about.
//!
//! What is for staff alone names nobody else: an event of an internal comment says neither the requester nor the
//! text, so that no rule that somebody writes can bring it to them.

use serde_json::{Map, Value, json};

use crate::tickets::domain::{NewComment, NewEntry, SupportTicket, TicketDeed, TicketEvent};

/// Characters of a comment that an event repeats.
const COMMENT_CHARS: usize = 2_000;

/// An event that is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketTold {
    /// Its type.
    pub event: TicketEvent,
    /// Its `data`.
    pub data: Map<String, Value>,
}

/// What is told of a line of history; `ticket` is as it is after all of the deed.
#[must_use]
pub fn told_of(
    ticket: &SupportTicket,
    entry: &NewEntry,
    comment: Option<&NewComment>,
) -> Vec<TicketTold> {
    let status = |name| entry.text(name).unwrap_or_default();
    let events: &[TicketEvent] = match entry.deed {
        TicketDeed::Created => &[TicketEvent::Created],
        TicketDeed::Assigned => &[TicketEvent::Assigned],
        TicketDeed::Replied | TicketDeed::Noted => &[TicketEvent::Replied],
        TicketDeed::Escalated => &[TicketEvent::Escalated],
        TicketDeed::DueSoon => &[TicketEvent::DueSoon],
        TicketDeed::Overdue => &[TicketEvent::Overdue],
        TicketDeed::StatusChanged => match (status("from"), status("to")) {
            (_, "resolved") => &[TicketEvent::StatusChanged, TicketEvent::Resolved],
            (_, "closed") => &[TicketEvent::StatusChanged, TicketEvent::Closed],
            ("resolved" | "closed", _) => &[TicketEvent::StatusChanged, TicketEvent::Reopened],
            _ => &[TicketEvent::StatusChanged],
        },
        TicketDeed::Changed | TicketDeed::Merged | TicketDeed::Attached => &[],
    };
    let told = |event: &TicketEvent| TicketTold {
        event: *event,
        data: data(ticket, entry, comment),
    };
    events.iter().map(told).collect()
}

fn data(
    ticket: &SupportTicket,
    entry: &NewEntry,
    comment: Option<&NewComment>,
) -> Map<String, Value> {
    let is_internal = entry.deed == TicketDeed::Noted;
    let mut data = entry.details.clone();
    let mut say = |name: &str, value: Value| {
        data.insert(name.to_owned(), value);
    };
    say("ticket_id", json!(ticket.id));
    say("number", json!(ticket.number));
    say("subject", json!(ticket.subject));
    say("status", json!(ticket.status));
    say("priority", json!(ticket.priority));
    say("category", json!(ticket.category));
    let assignee = ticket.assignee_id;
    // Who works on their own ticket reads it as its requester.
    let assignee = assignee.filter(|one| !is_internal || *one != ticket.requester_id);
    say("assignee_id", json!(assignee));
    say("actor_id", json!(entry.actor_id));
    if !is_internal {
        say("requester_id", json!(ticket.requester_id));
    }
    let followers = ticket.followers.iter();
    // A follower may be anybody: what is for staff alone is for the assignee.
    let followers = followers.filter(|_| !is_internal).collect::<Vec<_>>();
    say("followers", json!(followers));
    if let TicketDeed::Replied | TicketDeed::Noted = entry.deed {
        say("internal", json!(is_internal));
        say("author_id", json!(entry.actor_id));
        if let Some(comment) = comment.filter(|_| !is_internal) {
            let text: String = comment.comment.chars().take(COMMENT_CHARS).collect();
            say("comment", json!(text));
        }
    }
    data
}
