//! What holds for tickets of a category.

use jiff::civil::Date;
use uuid::Uuid;

use super::{ServiceHours, ServiceRule, ServiceTargets, ServiceWindow, TicketPriority};
use crate::domain::zone::find;

/// What holds for tickets of a category.
#[derive(Debug, Clone, Default)]
pub struct CategoryRules {
    /// When there is service; day and night without it.
    pub hours: Option<ServiceHours>,
    /// Targets by priority: a priority that is not there has none.
    pub targets: Vec<(TicketPriority, ServiceTargets)>,
    /// After how many seconds what is resolved is closed.
    pub close_after: Option<i64>,
    /// After how many seconds what waits for its requester is resolved.
    pub give_up_after: Option<i64>,
}

impl CategoryRules {
    /// The rule of a priority.
    #[must_use]
    pub fn rule(&self, priority: TicketPriority) -> ServiceRule {
        let mut targets = self.targets.iter();
        let targets = targets.find(|(known, _)| *known == priority);
        ServiceRule {
            hours: self.hours.clone().unwrap_or_else(ServiceHours::always),
            targets: targets.map(|(_, targets)| *targets).unwrap_or_default(),
        }
    }
}

/// Somebody who may be given tickets of a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryStaff {
    /// Who.
    pub staff_id: Uuid,
    /// Whether they come first.
    pub is_primary: bool,
    /// The higher, the sooner.
    pub priority: i32,
    /// Their level: 1 to 3.
    pub level: i16,
    /// Tickets that they have in hand.
    pub load: i64,
}

/// A category as somebody writes it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TicketCategory {
    /// Its id.
    pub id: Uuid,
    /// What tickets call it.
    pub name: String,
    /// What belongs to it.
    pub description: Option<String>,
    /// Whether new tickets may be of it.
    pub is_active: bool,
    /// When there is service; day and night without it.
    pub hours: Option<WrittenHours>,
    /// Targets by priority.
    pub targets: Vec<(TicketPriority, ServiceTargets)>,
    /// After how many seconds what is resolved is closed.
    pub close_after: Option<i64>,
    /// After how many seconds what waits for its requester is resolved.
    pub give_up_after: Option<i64>,
    /// Who may be given its tickets: the person, whether they come first, their priority.
    pub staff: Vec<(Uuid, bool, i32)>,
}

/// Service hours as somebody writes them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WrittenHours {
    /// An IANA name.
    pub time_zone: String,
    /// The windows of a week.
    pub windows: Vec<ServiceWindow>,
    /// Days without service.
    pub holidays: Vec<Date>,
}

impl WrittenHours {
    /// The hours.
    ///
    /// # Errors
    /// The windows are none, or this node does not know the zone.
    pub fn hours(&self) -> Result<ServiceHours, String> {
        let zone = find(&self.time_zone).map_err(|error| error.to_string())?;
        let hours = ServiceHours::new(zone, &self.windows, self.holidays.iter().copied());
        hours.map_err(|error| error.to_string())
    }
}

impl TicketCategory {
    /// What holds for its tickets.
    ///
    /// # Errors
    /// The hours cannot be read.
    pub fn rules(&self) -> Result<CategoryRules, String> {
        let hours = self.hours.as_ref().map(WrittenHours::hours).transpose()?;
        Ok(CategoryRules {
            hours,
            targets: self.targets.clone(),
            close_after: self.close_after,
            give_up_after: self.give_up_after,
        })
    }
}
