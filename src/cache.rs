//! What is kept in memory of what the database says: recipients with their tenants' rules, and compiled
//! templates. It is dropped when the database tells of a change, or when it no longer tells.

pub mod recipients;
pub mod templates;

pub use recipients::RecipientCache;
pub use templates::TemplateCache;
