//! What a notification costs as things grow: rows stored, people, tenants, lanes, nodes.
//!
//! Each point of an axis changes one thing of a common base. Points are run in turn, round by round,
//! each on a clone of a database that was filled for it, so that all meet the same machine; ratios
//! are taken within a round.

mod axis;
mod books;
mod error;
mod field;
mod fill;
mod go;
mod meter;
mod people;
mod rehearsal;
mod setup;
mod table;

pub use axis::{Axis, Series, setups};
pub use error::GrowthError;
pub use field::Field;
pub use go::{Figures, Go, Load};
pub use setup::Setup;
pub use table::{Growth, Refused};
