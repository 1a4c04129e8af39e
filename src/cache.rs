//! What is kept in memory of what the database says: recipients with their tenants' rules, compiled
//! templates, and API keys. It is dropped when the database tells of a change, or when it no longer tells.

pub mod api_keys;
mod failed_keys;
pub mod key_rates;
pub mod recipients;
pub mod templates;

pub use api_keys::ApiKeyCache;
pub use key_rates::KeyRates;
pub use recipients::RecipientCache;
pub use templates::TemplateCache;
