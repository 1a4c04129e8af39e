//! The kill matrix: what may happen to an engine happens to it, under load, at random moments.
//!
//! It starts a PostgreSQL and a RabbitMQ of its own and kills no others. What was published and what
//! the simulated providers accepted decides; what was in flight at a fault is read from committed rows.
//! Nothing rests on the engine's own word.

mod addresses;
mod desk;
mod environment;
mod faults;
mod finding;
mod flows;
mod inboxes;
mod judgement;
mod load;
mod recovery;
mod round;
mod row;
mod run;
mod seed;
mod servers;
mod table;

pub use finding::{Finding, Result as RowResult};
pub use row::Row;
pub use run::{Options, run};
pub use table::{markdown, text};
