//! A number for each request, which its answer carries. A panic ends its request alone.

use std::panic::AssertUnwindSafe;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use futures_util::FutureExt;
use uuid::Uuid;

use super::problem::Problem;
use super::unread::{AnswerBody, SharedPayload};
use crate::runtime::clock;

/// The header that carries it.
const NAME: HeaderName = HeaderName::from_static("herald-request-id");

/// The number of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestId(pub(super) Uuid);

/// Answers with the number of the request.
pub(super) async fn numbered<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<AnswerBody>, Error> {
    let id = clock::new_id();
    request.extensions_mut().insert(RequestId(id));
    let id = id.to_string();
    let unread = SharedPayload::of(&mut request);
    let answered = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let Ok(answered) = answered else {
        tracing::error!(request = id, "answering a request panicked");
        return Err(Problem::internal().with(NAME, id).into());
    };
    let mut answered = answered?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        answered.headers_mut().insert(NAME, value);
    }
    if answered.status().is_server_error() {
        tracing::warn!(
            request = id,
            status = answered.status().as_u16(),
            "a request failed"
        );
    }
    let answered = answered.map_into_boxed_body();
    Ok(answered.map_body(|_, body| AnswerBody::new(body, unread)))
}
