//! People: loaded with all that a decision needs, and kept as publishers describe them.

pub mod desk;
pub mod erase;
pub mod export;
mod load;
mod said;
mod upsert;

pub use load::load;
pub use said::{Absence, Gone, HeardRecipients, Said, absent, write_said};
pub(super) use said::{conflict_of, write_all};
pub use upsert::{RecipientConflict, RecipientFields, UpsertError, conflict, upsert};
