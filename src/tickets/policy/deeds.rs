//! What a deed makes of a ticket: the ticket as it is then, and the lines of its history. Clocks and events follow
//! from these.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::orders::{DeedRefusal, NewTicket, TicketEdit};
use crate::tickets::domain::{
    HIGHEST_LEVEL, NewComment, NewEntry, SupportTicket, TicketClocks, TicketDeed, TicketStatus,
    may_move,
};

/// A deed, done: nothing of it is stored yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The ticket as it is then.
    pub ticket: SupportTicket,
    /// What its history says of it.
    pub entries: Vec<NewEntry>,
    /// What was written.
    pub comment: Option<NewComment>,
}

/// Makes a ticket, which somebody gets.
#[must_use]
pub fn create(
    new: NewTicket,
    (tenant_id, id, number): (Uuid, Uuid, i64),
    assignee_id: Option<Uuid>,
    (actor_id, at): (Option<Uuid>, Timestamp),
) -> Done {
    let entry = NewEntry::new(TicketDeed::Created, actor_id, at)
        .with("priority", new.priority.as_str())
        .with("category", json!(new.category));
    let ticket = SupportTicket {
        id,
        tenant_id,
        number,
        subject: new.subject,
        description: new.description,
        status: TicketStatus::Open,
        priority: new.priority,
        category: new.category,
        requester_id: new.requester_id,
        assignee_id: None,
        followers: new.followers,
        location: new.location,
        metadata: new.metadata,
        version: 1,
        public_version: 1,
        escalation_level: 0,
        last_escalation_at: None,
        clocks: TicketClocks::default(),
        first_responded_at: None,
        resolved_at: None,
        closed_at: None,
        resolution_notes: None,
        merged_into: None,
        created_at: at,
        updated_at: at,
        public_updated_at: at,
    };
    let mut done = Done {
        ticket,
        entries: vec![entry],
        comment: None,
    };
    if assignee_id.is_some() {
        done.assign(assignee_id, (None, at));
    }
    done
}

/// Changes what a ticket says.
///
/// # Errors
/// Another ticket goes on with it.
pub fn edit(
    ticket: SupportTicket,
    edit: TicketEdit,
    (actor_id, at): (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, at)?;
    let ticket = &mut done.ticket;
    let mut changes = Map::new();
    put("subject", &mut ticket.subject, edit.subject, &mut changes);
    put(
        "description",
        &mut ticket.description,
        edit.description,
        &mut changes,
    );
    put(
        "priority",
        &mut ticket.priority,
        edit.priority,
        &mut changes,
    );
    put(
        "category",
        &mut ticket.category,
        edit.category,
        &mut changes,
    );
    put(
        "followers",
        &mut ticket.followers,
        edit.followers,
        &mut changes,
    );
    put(
        "location",
        &mut ticket.location,
        edit.location,
        &mut changes,
    );
    put(
        "metadata",
        &mut ticket.metadata,
        edit.metadata,
        &mut changes,
    );
    if !changes.is_empty() {
        let entry = NewEntry::new(TicketDeed::Changed, actor_id, at);
        done.entries.push(entry.with("changes", changes));
    }
    Ok(done)
}

/// Writes a field that is to be changed, and notes what it was and is.
fn put<T: PartialEq + serde::Serialize>(
    name: &str,
    field: &mut T,
    value: Option<T>,
    changes: &mut Map<String, Value>,
) {
    if let Some(value) = value.filter(|value| value != field) {
        changes.insert(name.to_owned(), json!({ "from": &*field, "to": &value }));
        *field = value;
    }
}

/// Gives a ticket to somebody, or takes it from them.
///
/// # Errors
/// Another ticket goes on with it.
pub fn assign(
    ticket: SupportTicket,
    assignee_id: Option<Uuid>,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, by.1)?;
    done.assign(assignee_id, by);
    Ok(done)
}

/// Moves a ticket to another status; where it stands already, nothing happens.
///
/// # Errors
/// The status does not follow, or another ticket goes on with it.
pub fn set_status(
    ticket: SupportTicket,
    to: TicketStatus,
    resolution_notes: Option<String>,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, by.1)?;
    let from = done.ticket.status;
    if from != to && !may_move(from, to) {
        return Err(DeedRefusal::NoMove { from, to });
    }
    let mut changes = Map::new();
    let notes = resolution_notes.map(Some);
    put(
        "resolution_notes",
        &mut done.ticket.resolution_notes,
        notes,
        &mut changes,
    );
    if !changes.is_empty() {
        let entry = NewEntry::new(TicketDeed::Changed, by.0, by.1);
        done.entries.push(entry.with("changes", changes));
    }
    done.go_to(to, by);
    Ok(done)
}

/// Writes a comment. An answer of its requester opens a ticket again that was over, and ends its waiting; one that
/// a machine wrote does neither.
///
/// # Errors
/// Another ticket goes on with it.
pub fn comment(
    ticket: SupportTicket,
    comment: NewComment,
    at: Timestamp,
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, at)?;
    let author = comment.author_id;
    let by_requester = author == done.ticket.requester_id && !comment.is_internal;
    let deed = match comment.is_internal {
        true => TicketDeed::Noted,
        false => TicketDeed::Replied,
    };
    let entry = NewEntry::new(deed, Some(author), at)
        .with("comment_id", comment.id.to_string())
        .with("by_requester", by_requester);
    let entry = match comment.is_automatic {
        true => entry.with("automatic", true),
        false => entry,
    };
    done.entries.push(entry);
    if !comment.is_internal && !comment.is_automatic {
        match by_requester {
            true => {
                let to = match (done.ticket.status, done.ticket.assignee_id) {
                    (TicketStatus::Waiting, Some(_)) => TicketStatus::InProgress,
                    (TicketStatus::Waiting, None) => TicketStatus::Open,
                    (status, _) if status.is_over() => TicketStatus::Open,
                    (status, _) => status,
                };
                done.go_to(to, (Some(author), at));
            }
            false => {
                done.ticket.first_responded_at.get_or_insert(at);
            }
        }
    }
    done.comment = Some(comment);
    Ok(done)
}

/// Brings a ticket to the next level, to somebody there if there is anybody.
///
/// # Errors
/// It is over or at the highest level, or another ticket goes on with it.
pub fn escalate(
    ticket: SupportTicket,
    next: Option<(i16, Uuid)>,
    reason: Option<&str>,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, by.1)?;
    if done.ticket.status.is_over() {
        return Err(DeedRefusal::Over(done.ticket.status));
    }
    let from = done.ticket.escalation_level;
    let level = next.map_or(from + 1, |(level, _)| level.max(from + 1));
    if level > HIGHEST_LEVEL {
        return Err(DeedRefusal::HighestLevel);
    }
    done.ticket.escalation_level = level;
    done.ticket.last_escalation_at = Some(by.1);
    let entry = NewEntry::new(TicketDeed::Escalated, by.0, by.1)
        .with("from_level", from)
        .with("level", level);
    done.entries.push(match reason {
        Some(reason) => entry.with("reason", reason),
        None => entry,
    });
    if let Some((_, staff_id)) = next {
        let before = done.entries.len();
        done.assign(Some(staff_id), by);
        // They are told of it once: that it was brought up to them.
        for entry in done.entries.iter_mut().skip(before) {
            entry.details.insert("escalated".to_owned(), json!(true));
        }
    }
    Ok(done)
}

/// Lets another ticket go on with this one, which is closed.
///
/// # Errors
/// One of them was merged before, or both are the same, or the other one is over.
pub fn merge(
    ticket: SupportTicket,
    into: &SupportTicket,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, by.1)?;
    if into.id == done.ticket.id
        || into.merged_into.is_some()
        || into.status.is_over()
        || into.requester_id != done.ticket.requester_id
    {
        return Err(DeedRefusal::MergeTarget);
    }
    done.ticket.merged_into = Some(into.id);
    let entry = NewEntry::new(TicketDeed::Merged, by.0, by.1)
        .with("into", into.id.to_string())
        .with("into_number", into.number);
    done.entries.push(entry);
    done.go_to(TicketStatus::Closed, by);
    Ok(done)
}

/// Notes that another ticket goes on here.
///
/// # Errors
/// Another ticket goes on with this one.
pub fn absorb(
    ticket: SupportTicket,
    merged: &SupportTicket,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, by.1)?;
    let entry = NewEntry::new(TicketDeed::Merged, by.0, by.1)
        .with("from", merged.id.to_string())
        .with("from_number", merged.number);
    done.entries.push(entry);
    Ok(done)
}

/// Takes a ticket away, wherever it stands: nothing is due any more, and nobody is told.
#[must_use]
pub fn delete(ticket: SupportTicket, (actor_id, at): (Option<Uuid>, Timestamp)) -> Done {
    Done {
        ticket: SupportTicket {
            version: ticket.version + 1,
            updated_at: at,
            ..ticket
        },
        entries: vec![NewEntry::new(TicketDeed::Deleted, actor_id, at)],
        comment: None,
    }
}

impl Done {
    /// Does another deed after this one, which was done to the ticket of this one.
    pub fn add(&mut self, then: Self) {
        self.ticket = then.ticket;
        self.entries.extend(then.entries);
    }

    /// Nothing yet.
    pub(super) fn of(ticket: SupportTicket, at: Timestamp) -> Result<Self, DeedRefusal> {
        if ticket.merged_into.is_some() {
            return Err(DeedRefusal::Merged);
        }
        Ok(Self {
            ticket: SupportTicket {
                version: ticket.version + 1,
                updated_at: at,
                ..ticket
            },
            entries: vec![],
            comment: None,
        })
    }

    fn assign(&mut self, to: Option<Uuid>, (actor_id, at): (Option<Uuid>, Timestamp)) {
        let from = std::mem::replace(&mut self.ticket.assignee_id, to);
        if from != to {
            let entry = NewEntry::new(TicketDeed::Assigned, actor_id, at)
                .with("from", json!(from))
                .with("to", json!(to));
            self.entries.push(entry);
        }
    }

    fn go_to(&mut self, to: TicketStatus, (actor_id, at): (Option<Uuid>, Timestamp)) {
        let from = std::mem::replace(&mut self.ticket.status, to);
        if from == to {
            return;
        }
        match to {
            TicketStatus::Resolved => self.ticket.resolved_at = Some(at),
            TicketStatus::Closed => self.ticket.closed_at = Some(at),
            _ if from.is_over() => {
                self.ticket.resolved_at = None;
                self.ticket.closed_at = None;
            }
            _ => {}
        }
        let entry = NewEntry::new(TicketDeed::StatusChanged, actor_id, at)
            .with("from", from.as_str())
            .with("to", to.as_str());
        self.entries.push(entry);
    }
}
