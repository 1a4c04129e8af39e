//! The support desk's PostgreSQL and nothing but: one file an aggregate, all in `ticket_schema`.
//!
//! Every query names its tenant. Nothing here decides, and nothing but a change in one transaction is written.

pub mod attachments;
pub mod calls;
pub mod categories;
pub mod changes;
pub mod clock;
pub mod comments;
pub mod history;
pub mod listing;
pub mod mails;
pub mod outbox;
pub mod report;
mod row;
#[expect(unreachable_pub, reason = "generated: the comments are in the migrations")]
#[rustfmt::skip]
mod schema;
pub mod staff;
pub mod tally;
pub mod tickets;
