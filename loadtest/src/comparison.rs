//! Contenders, run in turn on the same ground, and their ratios.
//!
//! The machines are small and noisy: an absolute speed says little, the ratio of two that ran right
//! after each other says much, and the spread of that ratio over several rounds says how much. Each
//! go has a fresh database and virtual host; simulators and publisher are the same.

mod contender;
mod error;
mod go;
mod ground;
mod meter;
mod spread;
mod table;

pub use contender::{Contender, Kind};
pub use error::ComparisonError;
pub(crate) use go::load_average;
pub use go::{Figures, Go, Work};
pub use ground::{Ground, Servers};
pub use spread::Spread;
pub use table::{Comparison, Phase};
