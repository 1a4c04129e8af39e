//! A ticket.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ServiceClock, TicketPriority, TicketStatus, TicketViewer};

/// A ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct SupportTicket {
    /// For machines.
    pub id: Uuid,
    /// Whose desk.
    pub tenant_id: Uuid,
    /// For people.
    pub number: i64,
    /// In a line.
    pub subject: String,
    /// In full.
    pub description: String,
    /// Where it stands.
    pub status: TicketStatus,
    /// How soon it must be worked on.
    pub priority: TicketPriority,
    /// What it is about.
    pub category: Option<String>,
    /// Who asked.
    pub requester_id: Uuid,
    /// Who works on it.
    pub assignee_id: Option<Uuid>,
    /// Who wants to be told of it beside them.
    pub followers: Vec<Uuid>,
    /// Where it is about.
    pub location: Option<String>,
    /// What other systems say of it.
    pub metadata: Map<String, Value>,
    /// Counts changes.
    pub version: i64,
    /// Counts those that whoever asked can see: an internal comment is none.
    pub public_version: i64,
    /// How far up it was brought: 0 to 3.
    pub escalation_level: i16,
    /// When it was brought up last.
    pub last_escalation_at: Option<Timestamp>,
    /// How its clocks stand.
    pub clocks: TicketClocks,
    /// When somebody answered first.
    pub first_responded_at: Option<Timestamp>,
    /// When it was resolved last.
    pub resolved_at: Option<Timestamp>,
    /// When it was closed last.
    pub closed_at: Option<Timestamp>,
    /// How it was resolved.
    pub resolution_notes: Option<String>,
    /// The ticket that goes on with it.
    pub merged_into: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When whoever asked could see a change last.
    pub public_updated_at: Timestamp,
}

impl SupportTicket {
    /// Its version as somebody sees it.
    #[must_use]
    pub fn version_for(&self, viewer: TicketViewer) -> i64 {
        match viewer.works_for(self.requester_id) {
            true => self.version,
            false => self.public_version,
        }
    }
}

/// How a ticket's clocks stand, as it is stored: computed from its history by its rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TicketClocks {
    /// By when somebody must have answered; `None`: somebody has, or the clock stands, or there is no target.
    pub first_response_due_at: Option<Timestamp>,
    /// By when somebody must have answered again.
    pub next_response_due_at: Option<Timestamp>,
    /// By when it must be resolved.
    pub resolution_due_at: Option<Timestamp>,
    /// When something is to be done because of time alone.
    pub look_at: Option<Timestamp>,
    /// Whether four fifths of a clock that runs have passed, and it was told.
    pub is_due_soon: bool,
    /// Whether a clock that runs has run out, and it was told.
    pub is_overdue: bool,
    /// Whether somebody answered first in time; `None`: nobody knows yet, or there is no target.
    pub first_response_kept: Option<bool>,
    /// Whether it was resolved in time.
    pub resolution_kept: Option<bool>,
}

impl TicketClocks {
    /// By when something must have been done.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let all = [
            self.first_response_due_at,
            self.next_response_due_at,
            self.resolution_due_at,
        ];
        all.into_iter().flatten().min()
    }

    /// The place of a clock's due time.
    pub const fn of_mut(&mut self, clock: ServiceClock) -> &mut Option<Timestamp> {
        match clock {
            ServiceClock::FirstResponse => &mut self.first_response_due_at,
            ServiceClock::NextResponse => &mut self.next_response_due_at,
            ServiceClock::Resolution => &mut self.resolution_due_at,
        }
    }
}

/// A comment that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewComment {
    /// Its id.
    pub id: Uuid,
    /// Who wrote it.
    pub author_id: Uuid,
    /// What they wrote.
    pub comment: String,
    /// Whether it is for staff alone.
    pub is_internal: bool,
    /// Whether a machine wrote it: it answers nothing, and reopens nothing.
    pub is_automatic: bool,
    /// Whether it came by a mail of somebody who is not known to be of the ticket.
    pub is_of_stranger: bool,
    /// The address of that mail; `None` also once its sender was erased.
    pub mail_from: Option<String>,
}
