//! The words of the support desk: tickets, what may be done to them, who works on them, by which rules.
//!
//! Nothing here waits, reads a clock or touches the world.

mod attachment;
mod category;
mod file_link;
mod history;
mod mail;
mod moves;
mod report;
mod service;
mod signing;
mod staff;
mod ticket;
mod viewer;
mod words;

pub use attachment::{AttachmentRules, FileRefusal, TicketAttachment, object_name};
pub use category::{CategoryRules, CategoryStaff, TicketCategory, WrittenHours};
pub use file_link::FileLink;
pub use history::{HistoryEntry, NewEntry};
pub use mail::{InboundMail, MailFile, MailPart, ReplyAddresses, SenderProof};
pub use moves::{MOVES, may_move};
pub use report::{ServiceKept, ServiceLine};
pub use service::{BadServiceHours, ServiceHours, ServiceRule, ServiceTargets, ServiceWindow};
pub use signing::{DeskSigner, KEY_ID_BYTES, SIGNATURE_BYTES};
pub use staff::{HIGHEST_LEVEL, StaffMember};
pub use ticket::{NewComment, SupportTicket, TicketClocks};
pub use viewer::{TicketFilter, TicketName, TicketViewer};
pub use words::{ServiceClock, StaffRole, TicketDeed, TicketEvent, TicketPriority, TicketStatus};
