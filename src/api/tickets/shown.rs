//! Tickets, comments and histories, as they are shown.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::tickets::desk::StoredComment;
use crate::tickets::domain::{
    HistoryEntry, SupportTicket, TicketDeed, TicketPriority, TicketStatus, TicketViewer,
};

/// Characters of a description that a list shows.
const LISTED_CHARS: usize = 500;

/// A ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub(super) struct ShownTicket<'a> {
    /// Names it in paths, for machines.
    id: Uuid,
    /// Names it in paths, for people.
    #[schema(example = 12_345)]
    number: i64,
    /// Whose desk.
    tenant_id: Uuid,
    /// In a line.
    subject: &'a str,
    /// In full; in a list its first 500 characters.
    description: &'a str,
    /// `open`, `in_progress`, `waiting`, `resolved` or `closed`.
    #[schema(value_type = String, example = "open")]
    status: TicketStatus,
    /// `urgent`, `high`, `normal` or `low`.
    #[schema(value_type = String, example = "normal")]
    priority: TicketPriority,
    /// What it is about.
    category: Option<&'a str>,
    /// Who asked.
    requester_id: Uuid,
    /// Who works on it.
    assignee_id: Option<Uuid>,
    /// Who wants to be told of it beside them.
    followers: &'a [Uuid],
    /// Where it is about.
    location: Option<&'a str>,
    /// What other systems say of it.
    #[schema(value_type = Object)]
    metadata: &'a Map<String, Value>,
    /// Counts changes; the `ETag`.
    version: i64,
    /// How far up it was brought: 0 to 3.
    escalation_level: i16,
    /// When it was brought up last.
    last_escalation_at: Option<Timestamp>,
    /// By when somebody must have answered; null: somebody has, or the clock stands, or there is no target.
    first_response_due_at: Option<Timestamp>,
    /// By when somebody must have answered again.
    next_response_due_at: Option<Timestamp>,
    /// By when it must be resolved.
    resolution_due_at: Option<Timestamp>,
    /// The earliest of these.
    due_at: Option<Timestamp>,
    /// Whether one of them has passed.
    is_overdue: bool,
    /// When somebody answered first.
    first_responded_at: Option<Timestamp>,
    /// When it was resolved last.
    resolved_at: Option<Timestamp>,
    /// When it was closed last.
    closed_at: Option<Timestamp>,
    /// How it was resolved.
    resolution_notes: Option<&'a str>,
    /// The ticket that goes on with it.
    merged_into: Option<Uuid>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

impl<'a> ShownTicket<'a> {
    /// The same in a list: of a long description only how it begins, so that a page of many is no book.
    pub(super) fn listed(ticket: &'a SupportTicket, viewer: TicketViewer) -> Self {
        let shown = Self::of(ticket, viewer);
        let end = shown.description.char_indices().nth(LISTED_CHARS);
        let begins = end.and_then(|(end, _)| shown.description.get(..end));
        Self {
            description: begins.unwrap_or(shown.description),
            ..shown
        }
    }

    /// A ticket as somebody sees it: whoever asked sees neither who else is told, nor that something was done that is for
    /// staff alone.
    pub(super) fn of(ticket: &'a SupportTicket, viewer: TicketViewer) -> Self {
        let clocks = &ticket.clocks;
        let works = viewer.works_for(ticket.requester_id);
        let followers: &[Uuid] = if works { &ticket.followers } else { &[] };
        Self {
            id: ticket.id,
            number: ticket.number,
            tenant_id: ticket.tenant_id,
            subject: &ticket.subject,
            description: &ticket.description,
            status: ticket.status,
            priority: ticket.priority,
            category: ticket.category.as_deref(),
            requester_id: ticket.requester_id,
            assignee_id: ticket.assignee_id,
            followers,
            location: ticket.location.as_deref(),
            metadata: &ticket.metadata,
            version: ticket.version_for(viewer),
            escalation_level: if works { ticket.escalation_level } else { 0 },
            last_escalation_at: ticket.last_escalation_at.filter(|_| works),
            first_response_due_at: clocks.first_response_due_at,
            next_response_due_at: clocks.next_response_due_at,
            resolution_due_at: clocks.resolution_due_at,
            due_at: clocks.due_at(),
            is_overdue: clocks.is_overdue,
            first_responded_at: ticket.first_responded_at,
            resolved_at: ticket.resolved_at,
            closed_at: ticket.closed_at,
            resolution_notes: ticket.resolution_notes.as_deref(),
            merged_into: ticket.merged_into,
            created_at: ticket.created_at,
            updated_at: if works {
                ticket.updated_at
            } else {
                ticket.public_updated_at
            },
        }
    }
}

/// A comment.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketComment)]
pub(super) struct ShownComment<'a> {
    /// Its id.
    id: Uuid,
    /// Of which ticket.
    ticket_id: Uuid,
    /// Who wrote it.
    author_id: Uuid,
    /// What they wrote.
    comment: &'a str,
    /// Whether it is for staff alone.
    internal: bool,
    /// Whether a machine wrote it.
    automatic: bool,
    /// Whether it came by a mail of somebody who is not known to be of the ticket: nobody wrote it then (the nil UUID).
    of_stranger: bool,
    /// When it was written.
    created_at: Timestamp,
}

impl<'a> From<&'a StoredComment> for ShownComment<'a> {
    fn from(stored: &'a StoredComment) -> Self {
        let comment = &stored.comment;
        Self {
            id: comment.id,
            ticket_id: stored.ticket_id,
            author_id: comment.author_id,
            comment: &comment.comment,
            internal: comment.is_internal,
            automatic: comment.is_automatic,
            of_stranger: comment.is_of_stranger,
            created_at: stored.at,
        }
    }
}

/// A line of a ticket's history.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketHistoryEntry)]
pub(super) struct ShownEntry<'a> {
    /// Its place: from 1.
    sequence: i32,
    /// What was done: `created`, `changed`, `assigned`, `replied`, `noted`, `status_changed`, `escalated`, `due_soon`,
    /// `overdue`, `merged`, `attached`, `detached`, `deleted`.
    #[schema(value_type = String)]
    deed: TicketDeed,
    /// By whom; null is the desk itself, or somebody who was not named; the nil UUID is a stranger, or somebody who was
    /// erased.
    actor_id: Option<Uuid>,
    /// When.
    at: Timestamp,
    /// What else is to be known of it.
    #[schema(value_type = Object)]
    details: &'a Map<String, Value>,
}

impl<'a> From<&'a HistoryEntry> for ShownEntry<'a> {
    fn from(line: &'a HistoryEntry) -> Self {
        Self {
            sequence: line.sequence,
            deed: line.entry.deed,
            actor_id: line.entry.actor_id,
            at: line.entry.at,
            details: &line.entry.details,
        }
    }
}
