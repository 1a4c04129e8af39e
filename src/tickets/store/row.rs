//! A ticket as its row.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::schema::ticket_schema::support_tickets;
use crate::store::StoreError;
use crate::store::time::{from_database, to_database};
use crate::tickets::domain::{SupportTicket, TicketClocks};

/// A ticket as its row; all columns but the one that is generated, and the mark of what is deleted.
#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = support_tickets, treat_none_as_null = true)]
pub(super) struct TicketRow {
    pub(super) id: Uuid,
    tenant_id: Uuid,
    number: i64,
    subject: String,
    description: String,
    status: String,
    priority: String,
    category: Option<String>,
    requester_id: Uuid,
    assignee_id: Option<Uuid>,
    followers: Vec<Option<Uuid>>,
    location: Option<String>,
    metadata: Value,
    version: i64,
    public_version: i64,
    escalation_level: i16,
    last_escalation_at: Option<DateTime<Utc>>,
    first_response_due_at: Option<DateTime<Utc>>,
    next_response_due_at: Option<DateTime<Utc>>,
    resolution_due_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
    look_at: Option<DateTime<Utc>>,
    is_due_soon: bool,
    is_overdue: bool,
    first_response_kept: Option<bool>,
    resolution_kept: Option<bool>,
    first_responded_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    resolution_notes: Option<String>,
    merged_into: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    public_updated_at: DateTime<Utc>,
}

/// What a deed changes of a ticket that changes none of its texts: those are long, searched through, and indexed.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = support_tickets, treat_none_as_null = true)]
pub(super) struct TicketMoved {
    status: String,
    assignee_id: Option<Uuid>,
    version: i64,
    public_version: i64,
    escalation_level: i16,
    last_escalation_at: Option<DateTime<Utc>>,
    first_response_due_at: Option<DateTime<Utc>>,
    next_response_due_at: Option<DateTime<Utc>>,
    resolution_due_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
    look_at: Option<DateTime<Utc>>,
    is_due_soon: bool,
    is_overdue: bool,
    first_response_kept: Option<bool>,
    resolution_kept: Option<bool>,
    first_responded_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    merged_into: Option<Uuid>,
    updated_at: DateTime<Utc>,
    public_updated_at: DateTime<Utc>,
}

impl From<TicketRow> for TicketMoved {
    fn from(row: TicketRow) -> Self {
        Self {
            status: row.status,
            assignee_id: row.assignee_id,
            version: row.version,
            public_version: row.public_version,
            escalation_level: row.escalation_level,
            last_escalation_at: row.last_escalation_at,
            first_response_due_at: row.first_response_due_at,
            next_response_due_at: row.next_response_due_at,
            resolution_due_at: row.resolution_due_at,
            due_at: row.due_at,
            look_at: row.look_at,
            is_due_soon: row.is_due_soon,
            is_overdue: row.is_overdue,
            first_response_kept: row.first_response_kept,
            resolution_kept: row.resolution_kept,
            first_responded_at: row.first_responded_at,
            resolved_at: row.resolved_at,
            closed_at: row.closed_at,
            merged_into: row.merged_into,
            updated_at: row.updated_at,
            public_updated_at: row.public_updated_at,
        }
    }
}

/// A moment that may be none.
pub(super) fn moment(at: Option<DateTime<Utc>>) -> Option<Timestamp> {
    at.map(from_database)
}

/// A word of a vocabulary that a row holds.
pub(super) fn word<T>(text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr<Err: ToString>,
{
    text.parse()
        .map_err(|error: T::Err| StoreError::Corrupt(error.to_string()))
}

impl From<&SupportTicket> for TicketRow {
    fn from(ticket: &SupportTicket) -> Self {
        let at = |moment: Option<Timestamp>| moment.map(to_database);
        let clocks = &ticket.clocks;
        Self {
            id: ticket.id,
            tenant_id: ticket.tenant_id,
            number: ticket.number,
            subject: ticket.subject.clone(),
            description: ticket.description.clone(),
            status: ticket.status.to_string(),
            priority: ticket.priority.to_string(),
            category: ticket.category.clone(),
            requester_id: ticket.requester_id,
            assignee_id: ticket.assignee_id,
            followers: ticket.followers.iter().copied().map(Some).collect(),
            location: ticket.location.clone(),
            metadata: Value::Object(ticket.metadata.clone()),
            version: ticket.version,
            public_version: ticket.public_version,
            escalation_level: ticket.escalation_level,
            last_escalation_at: at(ticket.last_escalation_at),
            first_response_due_at: at(clocks.first_response_due_at),
            next_response_due_at: at(clocks.next_response_due_at),
            resolution_due_at: at(clocks.resolution_due_at),
            due_at: at(clocks.due_at()),
            look_at: at(clocks.look_at),
            is_due_soon: clocks.is_due_soon,
            is_overdue: clocks.is_overdue,
            first_response_kept: clocks.first_response_kept,
            resolution_kept: clocks.resolution_kept,
            first_responded_at: at(ticket.first_responded_at),
            resolved_at: at(ticket.resolved_at),
            closed_at: at(ticket.closed_at),
            resolution_notes: ticket.resolution_notes.clone(),
            merged_into: ticket.merged_into,
            created_at: to_database(ticket.created_at),
            updated_at: to_database(ticket.updated_at),
            public_updated_at: to_database(ticket.public_updated_at),
        }
    }
}

impl TryFrom<TicketRow> for SupportTicket {
    type Error = StoreError;

    fn try_from(row: TicketRow) -> Result<Self, StoreError> {
        let metadata = match row.metadata {
            Value::Object(metadata) => metadata,
            _ => {
                return Err(StoreError::Corrupt(
                    "a ticket's metadata is no object".to_owned(),
                ));
            }
        };
        Ok(Self {
            id: row.id,
            tenant_id: row.tenant_id,
            number: row.number,
            subject: row.subject,
            description: row.description,
            status: word(&row.status)?,
            priority: word(&row.priority)?,
            category: row.category,
            requester_id: row.requester_id,
            assignee_id: row.assignee_id,
            followers: row.followers.into_iter().flatten().collect(),
            location: row.location,
            metadata,
            version: row.version,
            public_version: row.public_version,
            escalation_level: row.escalation_level,
            last_escalation_at: moment(row.last_escalation_at),
            clocks: TicketClocks {
                first_response_due_at: moment(row.first_response_due_at),
                next_response_due_at: moment(row.next_response_due_at),
                resolution_due_at: moment(row.resolution_due_at),
                look_at: moment(row.look_at),
                is_due_soon: row.is_due_soon,
                is_overdue: row.is_overdue,
                first_response_kept: row.first_response_kept,
                resolution_kept: row.resolution_kept,
            },
            first_responded_at: moment(row.first_responded_at),
            resolved_at: moment(row.resolved_at),
            closed_at: moment(row.closed_at),
            resolution_notes: row.resolution_notes,
            merged_into: row.merged_into,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
            public_updated_at: from_database(row.public_updated_at),
        })
    }
}
