//! Accepting notifications, as the HTTP API asks for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use crate::broker::envelope::{self, Refusal, Wrapping};
use crate::pipeline::Acceptor;
use crate::pipeline::accept::{AcceptAnswer, AcceptOrder, NotAccepted};
use crate::runtime::clock;

/// Most bytes of bodies that are being read, or wait to be accepted.
const MOST_BYTES: usize = 128 * 1_024 * 1_024;

/// Reads and accepts notifications. Clones share it.
#[derive(Debug, Clone)]
pub struct AcceptDesk {
    acceptor: Arc<OnceLock<Arc<Acceptor>>>,
    reading: Arc<AtomicUsize>,
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
}

/// Room for a body; it is free when this is dropped.
#[derive(Debug)]
pub struct BodyRoom {
    bytes: usize,
    reading: Arc<AtomicUsize>,
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        self.reading.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl AcceptDesk {
    /// A desk for messages of at most so many bytes, closed until [`Self::open`].
    #[must_use]
    pub fn new(max_body_bytes: usize) -> Self {
        Self {
            acceptor: Arc::default(),
            reading: Arc::default(),
            max_body_bytes,
        }
    }

    /// The engine takes on work from now on; the first to say so counts.
    pub fn open(&self, acceptor: Arc<Acceptor>) {
        // A second engine would be a mistake of `app`; the first goes on.
        let _ = self.acceptor.set(acceptor);
    }

    /// Largest message, in bytes.
    #[must_use]
    pub const fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// Room for a body of so many bytes, to be kept until it is answered.
    ///
    /// # Errors
    /// Too much is being read, or waits; or the engine takes on no work.
    pub fn room(&self, bytes: usize) -> Result<BodyRoom, NotAccepted> {
        if self.open_acceptor()?.is_full() {
            return Err(NotAccepted::Overloaded);
        }
        let room = BodyRoom {
            bytes,
            reading: Arc::clone(&self.reading),
        };
        let before = self.reading.fetch_add(bytes, Ordering::Relaxed);
        match before + bytes <= MOST_BYTES {
            true => Ok(room),
            false => Err(NotAccepted::Overloaded),
        }
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
        Ok(acceptor)
    }
}
