//! Sending through accounts: who may be sent to, which accounts there are and how they stand, and one
//! account's queue, workers and requests.

pub mod account;
pub mod account_loader;
pub mod cap_reservations;
pub mod channel_state;
pub mod eligibility;
pub mod node_context;
pub mod registry;

pub use account_loader::AccountLoader;
pub use cap_reservations::CapReservations;
pub use channel_state::{ChannelState, ChannelStates};
pub use eligibility::Eligibility;
pub use node_context::NodeContext;
pub use registry::AccountRegistry;
