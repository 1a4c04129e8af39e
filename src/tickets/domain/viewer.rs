//! Who looks at tickets, and which of them.

use uuid::Uuid;

use super::{TicketPriority, TicketStatus};

/// Who looks, and what they may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketViewer {
    /// A server of the tenant's: all of the tenant.
    Tenant,
    /// Somebody of the staff who sees all.
    Lead(Uuid),
    /// Somebody of the staff: their own, and those of their categories.
    Agent(Uuid),
    /// Somebody who asked: their own, without what is for staff alone.
    Requester(Uuid),
}

impl TicketViewer {
    /// Whether they see what is for staff alone.
    #[must_use]
    pub const fn sees_internal(self) -> bool {
        !matches!(self, Self::Requester(_))
    }

    /// Whether they see what is for staff alone of a ticket that this person asked for: who asked does not, even if they
    /// are of the staff.
    #[must_use]
    pub fn works_for(self, requester_id: Uuid) -> bool {
        self.sees_internal() && self.person() != Some(requester_id)
    }

    /// The person, if it is one.
    #[must_use]
    pub const fn person(self) -> Option<Uuid> {
        match self {
            Self::Tenant => None,
            Self::Lead(id) | Self::Agent(id) | Self::Requester(id) => Some(id),
        }
    }
}

/// What a list is of; all of it must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Where they stand.
    pub status: Option<TicketStatus>,
    /// How soon they must be worked on.
    pub priority: Option<TicketPriority>,
    /// Who works on them; `Some(None)`: nobody.
    pub assignee_id: Option<Option<Uuid>>,
    /// Who asked.
    pub requester_id: Option<Uuid>,
    /// What they are about.
    pub category: Option<String>,
    /// Whether a clock has run out.
    pub overdue: Option<bool>,
    /// Words of subject and description.
    pub text: Option<String>,
}

/// By what somebody names a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketName {
    /// As machines do.
    Id(Uuid),
    /// As people do.
    Number(i64),
}
