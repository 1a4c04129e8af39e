//! What is left of a body when its request is answered.
//!
//! The server reads what is left of a chunked body once nobody can read it any more, so that the connection
//! can be used again: of one without an end, for ever. While somebody still could, it closes the connection
//! after the answer. So the answer holds on to the body.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

/// The body of a request; clones share it.
#[derive(Clone)]
pub(super) struct SharedPayload(Rc<RefCell<Payload>>);

impl fmt::Debug for SharedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedPayload")
    }
}

impl SharedPayload {
    /// The body of a request, which can read it as before; `None` if it has none.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let shared = Self(Rc::new(RefCell::new(payload)));
        let payload = Box::pin(shared.clone());
        request.set_payload(Payload::Stream { payload });
        Some(shared)
    }
}

impl Stream for SharedPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// The body of an answer, with that of its request.
pub(super) struct AnswerBody {
    answer: BoxBody,
    /// Held until the answer is sent.
    _request: Option<SharedPayload>,
}

impl AnswerBody {
    /// An answer that holds on to the body of its request.
    pub(super) fn new(answer: BoxBody, request: Option<SharedPayload>) -> Self {
        Self {
            answer,
            _request: request,
        }
    }
}

impl MessageBody for AnswerBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().answer).poll_next(context)
    }
}
