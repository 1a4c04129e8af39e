//! How actors live: their supervisor, the clock, permits, batches, background tasks, shutdown.
//!
//! Nothing here knows what a notification is. A panic must never get past this room unseen.

pub mod alarm;
pub mod batch;
pub mod clock;
pub mod coalescer;
pub mod failpoint;
pub mod files;
pub mod health;
pub mod lack;
pub mod mailbox;
pub mod permits;
pub mod pulse;
pub mod recent_notices;
pub mod shutdown;
pub mod stack;
pub mod supervisor;
pub mod tasks;
pub mod worker_count;

pub use alarm::Alarm;
pub use batch::Batch;
pub use coalescer::Coalescer;
pub use health::Health;
pub use permits::{Permit, Permits};
pub use pulse::Pulse;
pub use recent_notices::RecentNotices;
pub use shutdown::{Ending, Shutdown, ShutdownPhases};
pub use supervisor::Supervisor;
pub use tasks::Tasks;
pub use worker_count::WorkerCount;
