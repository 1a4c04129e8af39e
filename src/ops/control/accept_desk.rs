//! Accepting notifications, as the HTTP API asks for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use uuid::Uuid;

use crate::broker::envelope::{self, Refusal, Wrapping};
use crate::pipeline::Acceptor;
use crate::pipeline::accept::{AcceptAnswer, AcceptOrder, NotAccepted};
use crate::runtime::clock;

/// Most bytes of bodies that are being read, or wait to be accepted.
const MOST_BYTES: usize = 128 * 1_024 * 1_024;
/// Most of them that callers with the same key send: whoever sends slowly holds up nobody else.
const MOST_OF_A_KEY: usize = MOST_BYTES / 4;

/// Reads and accepts notifications. Clones share it.
#[derive(Debug, Clone)]
pub struct AcceptDesk {
    acceptor: Arc<OnceLock<Option<Arc<Acceptor>>>>,
    bodies: BodiesInHand,
    max_body_bytes: usize,
}

/// What is said of a notification beside its body.
#[derive(Debug, Clone, Copy)]
pub struct SaidBeside<'a> {
    /// The tenant of one that names none.
    pub tenant_id: Uuid,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<&'a str>,
    /// The W3C trace context.
    pub traceparent: Option<&'a str>,
    /// The number of the request.
    pub request_id: Option<Uuid>,
}

/// The bytes of bodies that are being read, or wait, by the key that sends them. Clones share it.
#[derive(Debug, Clone, Default)]
struct BodiesInHand(Arc<Mutex<HashMap<Uuid, usize>>>);

/// Room for a body; it is free when this is dropped.
#[derive(Debug)]
pub struct BodyRoom {
    bytes: usize,
    key_id: Uuid,
    bodies: BodiesInHand,
}

impl BodiesInHand {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, key_id: Uuid, bytes: usize) -> Option<BodyRoom> {
        let mut bodies = self.lock();
        let all: usize = bodies.values().sum();
        let own = bodies.get(&key_id).copied().unwrap_or(0);
        if all + bytes > MOST_BYTES || own + bytes > MOST_OF_A_KEY {
            return None;
        }
        bodies.insert(key_id, own + bytes);
        drop(bodies);
        Some(BodyRoom {
            bytes,
            key_id,
            bodies: self.clone(),
        })
    }
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        let mut bodies = self.bodies.lock();
        if let Some(own) = bodies.get_mut(&self.key_id) {
            *own = own.saturating_sub(self.bytes);
            if *own == 0 {
                bodies.remove(&self.key_id);
            }
        }
    }
}

impl AcceptDesk {
    /// A desk for messages of at most so many bytes, closed until [`Self::open`].
    #[must_use]
    pub fn new(max_body_bytes: usize) -> Self {
        Self {
            acceptor: Arc::default(),
            bodies: BodiesInHand::default(),
            max_body_bytes,
        }
    }

    /// The engine takes on work from now on; the first to say so counts.
    pub fn open(&self, acceptor: Arc<Acceptor>) {
        // A second engine would be a mistake of `app`; the first goes on.
        let _ = self.acceptor.set(Some(acceptor));
    }

    /// There is no engine on this node.
    pub fn stay_closed(&self) {
        let _ = self.acceptor.set(None);
    }

    /// Largest message, in bytes.
    #[must_use]
    pub const fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// Room for a body of so many bytes that somebody with this key sends, to be kept until it is answered.
    ///
    /// # Errors
    /// Too much is being read, or waits; or the engine takes on no work.
    pub fn room(&self, key_id: Uuid, bytes: usize) -> Result<BodyRoom, NotAccepted> {
        if self.open_acceptor()?.is_full() {
            return Err(NotAccepted::Overloaded);
        }
        self.body_room(key_id, bytes)
    }

    /// The same for what is no notification.
    ///
    /// # Errors
    /// Too much is being read, or waits.
    pub fn body_room(&self, key_id: Uuid, bytes: usize) -> Result<BodyRoom, NotAccepted> {
        let room = self.bodies.room(key_id, bytes);
        room.ok_or(NotAccepted::Overloaded)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(&self, body: &[u8], beside: &SaidBeside<'_>) -> Result<AcceptOrder, Refusal> {
        let wrapping = Wrapping {
            lane: None,
            tenant_id: beside.tenant_id,
            idempotency_key: beside.idempotency_key,
            message_id: None,
            call: Some(clock::new_id()),
            traceparent: beside.traceparent,
            max_body_bytes: self.max_body_bytes,
            now: clock::now(),
        };
        Ok(AcceptOrder {
            envelope: envelope::decode(body, &wrapping)?,
            request_id: beside.request_id,
            arrived: clock::instant(),
            bytes: body.len(),
        })
    }

    /// Accepts messages, each on its own, and answers in their order.
    pub async fn accept(&self, orders: Vec<AcceptOrder>) -> Vec<AcceptAnswer> {
        match self.open_acceptor() {
            Ok(acceptor) => acceptor.accept(orders).await,
            Err(why) => orders.iter().map(|_| Err(why.clone())).collect(),
        }
    }

    fn open_acceptor(&self) -> Result<&Acceptor, NotAccepted> {
        let acceptor = self.acceptor.get().ok_or(NotAccepted::Closed)?;
        acceptor.as_deref().ok_or(NotAccepted::NoEngine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_one_key_leave_room_for_others() {
        let (bodies, ours, theirs) = (BodiesInHand::default(), Uuid::now_v7(), Uuid::now_v7());
        let held: Vec<BodyRoom> = (0..2)
            .filter_map(|_| bodies.room(ours, MOST_OF_A_KEY / 2))
            .collect();
        assert_eq!(held.len(), 2);
        assert!(bodies.room(ours, 1).is_none());
        assert!(bodies.room(theirs, MOST_OF_A_KEY).is_some());
        drop(held);
        assert!(bodies.room(ours, MOST_OF_A_KEY).is_some());
        assert!(bodies.lock().is_empty(), "what is free is forgotten");
    }
}
