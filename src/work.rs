//! A job, and what it owns on its walk: its claim, its permit and its receipts; and the queues in which
//! outcomes and claims wait for the recorder.

pub mod call_back_slot;
pub mod call_gate;
pub mod claim_guard;
pub mod dispatchers;
pub mod in_flight;
pub mod job;
pub mod lane_permits;
pub mod lease_gate;
pub mod recorder_wake;
pub mod release_queue;
pub mod retry;
pub mod settle_queue;
pub mod trace;
pub mod unfinished;

pub use call_gate::CallGates;
pub use claim_guard::ClaimGuard;
pub use dispatchers::Dispatchers;
pub use in_flight::InFlight;
pub use job::Job;
pub use lane_permits::LanePermits;
pub use lease_gate::LeaseGate;
pub use recorder_wake::RecorderWake;
pub use release_queue::ReleaseQueue;
pub use settle_queue::SettleQueue;
