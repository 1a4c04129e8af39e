//! What is kept in memory of what the database says: recipients with their tenants' rules, compiled
//! templates, and API keys. It is dropped when the database tells of a change, or when it no longer tells.

pub mod api_keys;
pub mod recipients;
pub mod templates;

pub use api_keys::ApiKeyCache;
pub use recipients::RecipientCache;
pub use templates::TemplateCache;
