//! The last moment at which a request can be stopped.
//!
//! hyper asks for the first part of a body when it has the head ready, and before it writes a byte of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::providers::Leave;

const WAITS: u8 = 0;
const LEFT: u8 = 1;
const CALLED_OFF: u8 = 2;

/// Whether a request has left. It leaves once, or never.
pub(super) struct Departure {
    leave: Leave,
    state: AtomicU8,
}

/// It did not leave: leave had ended, or nobody waits for its answer any more.
#[derive(Debug, thiserror::Error)]
#[error("the request was called off before it was written")]
pub(super) struct CalledOff;

/// A body that is known whole, and asks for leave before it lets go of itself.
pub(super) struct RequestBody {
    bytes: Option<Bytes>,
    departure: Arc<Departure>,
}

impl Departure {
    pub(super) fn new(leave: Leave) -> Self {
        let state = AtomicU8::new(WAITS);
        Self { leave, state }
    }

    /// Whether it may leave at this moment.
    pub(super) fn has_leave(&self) -> bool {
        self.leave.is_given()
    }

    /// Sees to it that it does not leave; `false` when it has left.
    pub(super) fn call_off(&self) -> bool {
        self.turn_to(CALLED_OFF)
    }

    fn leaves(&self) -> bool {
        if !self.has_leave() {
            self.call_off();
        }
        self.turn_to(LEFT)
    }

    fn turn_to(&self, next: u8) -> bool {
        let (acquire, release) = (Ordering::Acquire, Ordering::AcqRel);
        let turned = self.state.compare_exchange(WAITS, next, release, acquire);
        turned.map_or_else(|state| state == next, |_| true)
    }
}

impl RequestBody {
    /// Nobody asks for a body that is empty: then leave is asked for with the connection alone.
    pub(super) fn new(bytes: Bytes, departure: Arc<Departure>) -> Self {
        if bytes.is_empty() {
            departure.leaves();
        }
        let bytes = Some(bytes);
        Self { bytes, departure }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = CalledOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CalledOff>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match self.departure.leaves() {
            true => Ok(Frame::data(bytes)),
            false => Err(CalledOff),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(length.try_into().unwrap_or(u64::MAX))
    }
}
