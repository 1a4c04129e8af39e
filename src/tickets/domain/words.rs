//! The closed vocabularies of the support desk.

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// Where a ticket stands.
    TicketStatus {
        /// Nobody works on it yet, or it was opened again.
        Open = "open",
        /// Somebody works on it.
        InProgress = "in_progress",
        /// It waits for its requester: the clocks stand.
        Waiting = "waiting",
        /// It is answered for good, as far as its assignee knows.
        Resolved = "resolved",
        /// It is done.
        Closed = "closed",
    }
}

vocabulary! {
    /// How soon a ticket must be worked on. How fast somebody is told of it is another matter.
    TicketPriority {
        /// Before everything else.
        Urgent = "urgent",
        /// Before most.
        High = "high",
        /// In turn.
        Normal = "normal",
        /// When there is time.
        Low = "low",
    }
}

vocabulary! {
    /// What somebody who works here may see.
    StaffRole {
        /// Tickets of their categories, and those that are theirs.
        Agent = "agent",
        /// All tickets.
        Lead = "lead",
        /// All tickets; other systems may let them change the rules.
        Admin = "admin",
    }
}

vocabulary! {
    /// What was done to a ticket.
    TicketDeed {
        /// It was made.
        Created = "created",
        /// Something that it says was changed.
        Changed = "changed",
        /// It was given to somebody, or taken from them.
        Assigned = "assigned",
        /// Somebody wrote what its requester may read.
        Replied = "replied",
        /// Somebody wrote what is for staff alone.
        Noted = "noted",
        /// It moved to another status.
        StatusChanged = "status_changed",
        /// It was brought to the next level.
        Escalated = "escalated",
        /// A clock is about to run out.
        DueSoon = "due_soon",
        /// A clock ran out.
        Overdue = "overdue",
        /// Another ticket goes on with it.
        Merged = "merged",
        /// A file was added.
        Attached = "attached",
        /// A file was removed.
        Detached = "detached",
        /// Somebody of those who see all took it away.
        Deleted = "deleted",
    }
}

vocabulary! {
    /// What others are told of a ticket: the types of its events.
    TicketEvent {
        /// It was made.
        Created = "ticket.created",
        /// It was given to somebody, or taken from them.
        Assigned = "ticket.assigned",
        /// Somebody wrote a comment; `internal` says whether it is for staff alone.
        Replied = "ticket.replied",
        /// It moved to another status.
        StatusChanged = "ticket.status_changed",
        /// It was brought to the next level.
        Escalated = "ticket.escalated",
        /// A clock is about to run out.
        DueSoon = "ticket.due_soon",
        /// A clock ran out.
        Overdue = "ticket.overdue",
        /// It is answered for good.
        Resolved = "ticket.resolved",
        /// It goes on after it was answered or done.
        Reopened = "ticket.reopened",
        /// It is done.
        Closed = "ticket.closed",
    }
}

vocabulary! {
    /// What is waited for within a time of service.
    ServiceClock {
        /// The first answer, from when the ticket was made.
        FirstResponse = "first_response",
        /// The next answer, from when the requester wrote again.
        NextResponse = "next_response",
        /// The end of the matter, from when the ticket was made.
        Resolution = "resolution",
    }
}
