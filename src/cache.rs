//! What is kept in memory of what the database says: recipients with their tenants' rules, compiled
//! templates, API keys, and the keys of user tokens. It is dropped when the database tells of a change, or when it no longer tells.

pub mod api_keys;
pub mod failed_keys;
pub mod key_rates;
pub mod link_keys;
pub mod minute_counts;
pub mod recipients;
pub mod templates;
pub mod user_tokens;

pub use api_keys::ApiKeyCache;
pub use failed_keys::FailedKeys;
pub use key_rates::KeyRates;
pub use link_keys::LinkKeys;
pub use minute_counts::MinuteCounts;
pub use recipients::RecipientCache;
pub use templates::TemplateCache;
pub use user_tokens::UserTokenCache;
