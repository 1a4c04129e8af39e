//! What a notification costs as things grow: rows stored, people, tenants, lanes, nodes.
//!
//! Each point of an axis changes one thing of a common base. Points are run in turn, round by round,
//! each on a copy of a database that was filled for it, so that all meet the same machine; ratios
//! are taken within a round.

mod axis;
mod fill;
mod people;
mod point;
mod setup;
mod table;

pub use axis::{Axis, Series};
pub use fill::fill;
pub use point::Point;
pub use setup::{Setup, setups};
pub use table::{Growth, Refused};
