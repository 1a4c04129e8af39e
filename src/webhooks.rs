//! Webhooks out: sends what webhooks were told, over days if need be.
//!
//! The rows are in the database before anything is sent, and this room only takes them, tries, and stores how
//! it ended: what a node has in hand when it dies is another's. It waits for nobody's notifications, and none
//! of them waits for it.

mod attempt;
mod context;
mod endpoint;
mod endpoints;
mod held;
mod results;
mod sender;
mod standing;

pub use context::WebhookContext;
pub use sender::WebhookSender;
