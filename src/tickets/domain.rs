//! The words of the support desk: tickets, what may be done to them, who works on them, by which rules.
//!
//! Nothing here waits, reads a clock or touches the world.

mod category;
mod history;
mod moves;
mod service;
mod staff;
mod ticket;
mod viewer;
mod words;

pub use category::{CategoryRules, CategoryStaff, TicketCategory, WrittenHours};
pub use history::{HistoryEntry, NewEntry};
pub use moves::{MOVES, may_move};
pub use service::{BadServiceHours, ServiceHours, ServiceRule, ServiceTargets, ServiceWindow};
pub use staff::{HIGHEST_LEVEL, StaffMember};
pub use ticket::{NewComment, SupportTicket, TicketClocks};
pub use viewer::{TicketFilter, TicketName, TicketViewer};
pub use words::{ServiceClock, StaffRole, TicketDeed, TicketEvent, TicketPriority, TicketStatus};
