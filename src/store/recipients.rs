//! People: loaded with all that a decision needs, and kept as publishers describe them.

mod load;
mod upsert;

pub use load::load;
pub use upsert::{RecipientConflict, RecipientFields, UpsertError, upsert};
