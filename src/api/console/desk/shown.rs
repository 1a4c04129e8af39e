//! Tickets as people read them.

use jiff::Timestamp;

use super::{DeskRoster, PATH};
use crate::api::console::figures::{ShownMoment, ago};
use crate::tickets::domain::SupportTicket;

/// A due time; what is late says so in words, and not by its colour alone.
pub(super) struct ShownDue {
    /// `overdue`, `due soon`, or nothing.
    pub(super) badge: &'static str,
    /// How it looks.
    pub(super) class: &'static str,
    pub(super) at: ShownMoment,
    /// How long that is from now.
    pub(super) words: String,
}

impl ShownDue {
    /// The earliest due time of a ticket.
    pub(super) fn of(ticket: &SupportTicket, now: Timestamp) -> Option<Self> {
        let clocks = &ticket.clocks;
        Some(Self::at(clocks.due_at()?, clocks.is_due_soon, now))
    }

    /// A due time, of which four fifths may have passed.
    pub(super) fn at(due: Timestamp, is_soon: bool, now: Timestamp) -> Self {
        let (badge, class) = match (due <= now, is_soon) {
            (true, _) => ("overdue", "failed"),
            (false, true) => ("due soon", "pending"),
            (false, false) => ("", ""),
        };
        Self {
            badge,
            class,
            at: due.into(),
            words: ago(due, now),
        }
    }

    pub(super) const fn is_late(&self) -> bool {
        !self.badge.is_empty()
    }
}

/// A ticket in a list.
pub(super) struct TicketLine {
    pub(super) path: String,
    pub(super) number: i64,
    pub(super) subject: String,
    pub(super) status: &'static str,
    pub(super) priority: &'static str,
    pub(super) is_pressing: bool,
    pub(super) category: String,
    pub(super) assignee: String,
    pub(super) due: Option<ShownDue>,
    pub(super) made: ShownMoment,
}

impl TicketLine {
    pub(super) fn of(ticket: &SupportTicket, roster: &DeskRoster, now: Timestamp) -> Self {
        let assignee = ticket.assignee_id.map(|id| roster.name(id));
        Self {
            path: path_of(ticket),
            number: ticket.number,
            subject: ticket.subject.clone(),
            status: ticket.status.as_str(),
            priority: ticket.priority.as_str(),
            is_pressing: matches!(ticket.priority.as_str(), "urgent" | "high"),
            category: ticket.category.clone().unwrap_or_default(),
            assignee: assignee.unwrap_or_else(|| "nobody".to_owned()),
            due: ShownDue::of(ticket, now),
            made: ticket.created_at.into(),
        }
    }

    /// Whether it is overdue or due soon.
    pub(super) fn is_late(&self) -> bool {
        self.due.as_ref().is_some_and(ShownDue::is_late)
    }
}

/// The page of a ticket.
pub(super) fn path_of(ticket: &SupportTicket) -> String {
    format!("{PATH}/{}", ticket.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_or_soon_is_said_in_words() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let said = |due: &str, is_soon| {
            let due = ShownDue::at(due.parse().unwrap(), is_soon, now);
            assert_eq!(due.badge.is_empty(), due.class.is_empty());
            (due.badge, due.words)
        };
        assert_eq!(
            said("2026-11-30T11:59:00Z", true),
            ("overdue", "1 min 0 s ago".to_owned())
        );
        assert_eq!(
            said("2026-11-30T12:05:00Z", true),
            ("due soon", "in 5 min 0 s".to_owned())
        );
        assert_eq!(
            said("2026-11-30T14:00:00Z", false),
            ("", "in 2 h 0 min".to_owned())
        );
    }
}
