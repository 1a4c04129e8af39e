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

/// What is told of a deed; `ticket` is as it is after all of it. Each event says whose the ticket was then: a clock that
/// ran out was theirs from whom the ticket is taken because of it.
#[must_use]
pub fn told_of_all(
    ticket: &SupportTicket,
    entries: &[NewEntry],
    comment: Option<&NewComment>,
) -> Vec<TicketTold> {
    let mut whose = json!(ticket.assignee_id);
    let mut all = vec![];
    for entry in entries.iter().rev() {
        for mut told in told_of(ticket, entry, comment).into_iter().rev() {
            let data = &mut told.data;
            match entry.deed {
                // Its event says to whom it was brought, and from whom.
                TicketDeed::Escalated => {
                    data.insert("previous_assignee_id".to_owned(), whose.clone());
                }
                TicketDeed::Noted => {}
                _ => {
                    data.insert("assignee_id".to_owned(), whose.clone());
                }
            }
            all.push(told);
        }
        if entry.deed == TicketDeed::Assigned {
            whose = entry.details.get("from").cloned().unwrap_or_default();
        }
    }
    all.reverse();
    all
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
        // Nobody is told what a machine wrote: two machines would talk to each other.
        TicketDeed::Replied | TicketDeed::Noted if entry.is("automatic") => &[],
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
        TicketDeed::Changed
        | TicketDeed::Merged
        | TicketDeed::Attached
        | TicketDeed::Detached
        | TicketDeed::Deleted => &[],
    };
    let told = |event: &TicketEvent| TicketTold {
        event: *event,
        data: data(ticket, entry, comment),
    };
    events.iter().map(told).collect()
}

/// Whether whoever asked for a ticket can see what a line of its history says.
#[must_use]
pub fn shows_requester(entry: &NewEntry) -> bool {
    match entry.deed {
        TicketDeed::Noted | TicketDeed::Escalated | TicketDeed::DueSoon | TicketDeed::Deleted => {
            false
        }
        TicketDeed::Attached | TicketDeed::Detached => !entry.is("internal"),
        TicketDeed::Changed => {
            let changes = entry.details.get("changes").and_then(Value::as_object);
            changes.is_some_and(|changes| changes.keys().any(|name| name != "followers"))
        }
        TicketDeed::Created
        | TicketDeed::Assigned
        | TicketDeed::Replied
        | TicketDeed::StatusChanged
        | TicketDeed::Overdue
        | TicketDeed::Merged => true,
    }
}

fn data(
    ticket: &SupportTicket,
    entry: &NewEntry,
    comment: Option<&NewComment>,
) -> Map<String, Value> {
    // Why it was brought up is said among staff, too.
    let is_internal = matches!(entry.deed, TicketDeed::Noted | TicketDeed::Escalated);
    let mut data = entry.details.clone();
    data.remove("reason");
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
