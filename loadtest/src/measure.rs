//! Measurements: variants that take turns on the same servers, and what grows.
//!
//! The machines are small and noisy: an absolute speed says little, the ratio of two that ran right
//! after each other says much, and the spread of that ratio over several rounds says how much. Each
//! run has a database and a virtual host of its own; simulators and publisher are the same.

mod bench;
mod books;
mod comparison;
mod figures;
mod growth;
mod hooks;
mod meter;
mod reading;
mod run;
mod spread;
mod table;
mod variant;
mod warm_up;

pub use bench::Bench;
pub use comparison::{Comparison, Phase, half_of};
pub use figures::{Answered, Measured, Work};
pub use growth::{Axis, Growth, Point, Refused, Series, Setup, fill, setups};
pub use meter::Times;
pub use reading::ReadTimes;
pub use spread::Spread;
pub use table::Line;
pub use variant::{Hook, Kind, Variant};
