//! A message on its way through the loop.

use std::rc::Rc;

use uuid::Uuid;

use super::acks::AckChannel;

/// A message taken from the broker, with the right to acknowledge it.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) body: Vec<u8>,
    pub(super) receipt: Receipt,
}

/// Which delivery of which channel.
#[derive(Clone, Debug)]
pub(super) struct Receipt {
    pub(super) channel: Rc<AckChannel>,
    pub(super) tag: u64,
}

/// A claimed message.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: Uuid,
    pub(super) key: [u8; 32],
    pub(super) arrival: Arrival,
}
